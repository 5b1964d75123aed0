/** English. Grouped by who shows it; `{name}` is replaced by a value. */

export const en = {
  // The panel itself.
  "panel.title": "Install node safely",
  "panel.short": "Safe Install",
  "panel.tabs": "Parts of Safe Install",
  "panel.install": "Install",
  "panel.history": "History",
  "panel.packs": "Packs",
  "panel.map": "Conflicts",
  "panel.help": "Help",
  // Said by many.
  "common.again": "Try again",
  "common.cancel": "Cancel",
  "common.close": "Close",
  "common.back": "Back",
  "common.loading": "Loading…",
  "common.more": "Show more",
  "common.hints": "What you can do",
  "common.code": "Code: {code}",
  "common.details": "Details",
};
