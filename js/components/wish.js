/** How a wish stands, in words and colour; shared by the packs, the why and the map. */

import { h } from "../dom.js";
import { fileAndLine } from "../model/wishes.js";
import { named, t } from "../words.js";

/** @typedef {import("../wire.js").WishStanding} WishStanding */
/** @typedef {import("../model/wishes.js").Outcome} Outcome */

/** The colour of each outcome. @type {Record<Outcome, string>} */
export const TONE = { met: "good", overruled: "warn", broken: "bad" };
/** @type {Record<Outcome, string>} */
const ICON = { met: "pi-check", overruled: "pi-exclamation-triangle", broken: "pi-times" };

/** An outcome as a tag. @param {Outcome} outcome */
export function outcomeTag(outcome) {
  return h(
    "span",
    { class: `si-tag ${TONE[outcome]}` },
    h("span", { class: `pi ${ICON[outcome]}`, "aria-hidden": "true" }),
    named("packs.outcome.", outcome),
  );
}

/** Where the line stands, and why it is not met. @param {WishStanding} wish */
export function wishGround(wish) {
  const place = fileAndLine(wish);
  return [
    place && h("span", { class: "si-muted si-small" }, place),
    wish.reason && h("p", { class: "si-small" }, wish.rule ? t("packs.ruled", { reason: wish.reason, rule: wish.rule }) : wish.reason),
  ];
}
