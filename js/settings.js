/** Our settings in the host's dialog. How things look, nothing of what may be done: any browser can write these. */

import { t } from "./words.js";

/** Setting: the number on our tab. */
export const SHOW_BADGE = "SafeInstall.Badge";

const NAME = "Safe Install";

/** @param {() => void} badgeChanged @returns {Record<string, unknown>[]} as of `app.registerExtension` */
export function settings(badgeChanged) {
  // The host shows them in the opposite order.
  return [
    onOff("SafeInstall.ConfirmRestart", t("commands.set-confirm"), t("commands.set-confirm-tip")),
    onOff("SafeInstall.LookForMissing", t("commands.set-missing"), t("commands.set-missing-tip")),
    { ...onOff(SHOW_BADGE, t("commands.set-badge"), t("commands.set-badge-tip")), onChange: badgeChanged },
    onOff("SafeInstall.Toasts", t("commands.set-toasts"), t("commands.set-toasts-tip")),
  ];
}

/** @param {string} id @param {string} name @param {string} tooltip */
function onOff(id, name, tooltip) {
  return { id, name, tooltip, type: "boolean", defaultValue: true, category: [NAME, t("commands.set-group"), name] };
}
