/** Every word the panel shows, in the language the front end is set to; English where there is no other. */

import { en } from "./words/en.js";
import { fr } from "./words/fr.js";

/** @typedef {string | {one: string, other: string}} Message - two forms where `count` decides (CLDR plural rules) */
/** @typedef {keyof typeof en} Key */
/** @typedef {Record<string, string | number>} Values */

/** @type {Record<string, Partial<Record<Key, Message>>>} */
const LANGUAGES = { en, fr };

let language = "en";
let plurals = new Intl.PluralRules("en");

/** The languages there are. */
export const languages = Object.keys(LANGUAGES);

/**
 * Speak this language from now on, or English where we do not.
 *
 * @param {string} locale such as "fr" or "pt-BR"
 */
export function speak(locale) {
  const wanted = locale.toLowerCase();
  language = languages.find((each) => wanted === each || wanted.startsWith(`${each}-`)) ?? "en";
  plurals = new Intl.PluralRules(language);
}

/** The language spoken now, for dates and numbers. */
export function spoken() {
  return language;
}

/**
 * The words of a key, with `{name}` replaced by the value of that name.
 *
 * @param {Key} key
 * @param {Values} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const message = LANGUAGES[language]?.[key] ?? en[key];
  return fill(message, values);
}

/**
 * The words for something the server names by a code, such as an action; the code itself where we have no words.
 *
 * @param {string} group as in "action."
 * @param {string} code
 */
export function named(group, code) {
  const key = `${group}${code}`;
  return key in en ? t(/** @type {Key} */ (key)) : code;
}

/** @param {Message | undefined} message @param {Values} values */
function fill(message, values) {
  if (message === undefined) return "";
  const form =
    typeof message === "string" ? message : message[plurals.select(Number(values.count ?? 0)) === "one" ? "one" : "other"];
  return form.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? value.toLocaleString(language) : value;
  });
}
