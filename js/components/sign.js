/** The sign of each outcome on the conflict map. */

import { h, svg } from "../dom.js";
import { named, t } from "../words.js";
import { TONE } from "./wish.js";

/** @typedef {import("../model/conflict_map.js").Layout} Layout */
/** @typedef {import("../model/wishes.js").Outcome} Outcome */

/** Each outcome has its own outline and its own sign: colour alone tells nothing. @type {Record<Outcome, [string, string]>} */
const SHAPE = {
  met: ["M-9,0a9,9 0 1,0 18,0a9,9 0 1,0 -18,0z", "M-4,0l3,3l5,-6"],
  overruled: ["M0,-11L11,0L0,11L-11,0z", "M0,-5V1M0,4V5"],
  broken: ["M-9,-9H9V9H-9z", "M-4,-4L4,4M4,-4L-4,4"],
};

/** The sign of an outcome, around the origin. @param {Outcome} outcome */
export function sign(outcome) {
  const [outline, mark] = SHAPE[outcome];
  return [svg("path", { class: "si-sign-outline", d: outline }), svg("path", { class: "si-sign-mark", d: mark })];
}

/** What the signs mean, with how many there are of each. @param {Layout["counts"]} counts */
export function legend(counts) {
  return h(
    "ul",
    { class: "si-plain si-row si-signs", "aria-label": t("map.legend") },
    /** @type {Outcome[]} */ (["broken", "overruled", "met"]).map((outcome) =>
      h(
        "li",
        { class: "si-row" },
        svg("svg", { class: `si-sign ${TONE[outcome]}`, width: 24, height: 24, viewBox: "-12 -12 24 24", "aria-hidden": "true" }, sign(outcome)),
        t("packs.counted", { word: named("packs.outcome.", outcome), count: counts[outcome] }),
      ),
    ),
  );
}
