/** French. The same keys as English; a test compares them. */

/** @type {Record<keyof typeof import("./en.js").en, import("../words.js").Message>} */
export const fr = {
  // The panel itself.
  "panel.title": "Installer un nœud en sécurité",
  "panel.short": "Safe Install",
  "panel.tabs": "Parties de Safe Install",
  "panel.install": "Installer",
  "panel.history": "Historique",
  "panel.packs": "Packs",
  "panel.map": "Conflits",
  "panel.help": "Aide",
  // Said by many.
  "common.again": "Réessayer",
  "common.cancel": "Annuler",
  "common.close": "Fermer",
  "common.back": "Retour",
  "common.loading": "Chargement…",
  "common.more": "En afficher plus",
  "common.hints": "Ce que vous pouvez faire",
  "common.code": "Code : {code}",
  "common.details": "Détails",
};
