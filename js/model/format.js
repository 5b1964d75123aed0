/** Numbers and times as people read them. Pure; the language is given. */

const STEPS = /** @type {const} */ ([
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
]);

/**
 * Bytes as people read them, such as "1.4 MB"; powers of 1,000, as package indexes show them.
 *
 * @param {number} bytes
 * @param {string} language
 */
export function size(bytes, language) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const at = Math.min(Math.max(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), 0), units.length - 1);
  const value = bytes / 1000 ** at;
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: units[at],
    unitDisplay: at === 0 ? "long" : "short",
    maximumFractionDigits: value < 10 && at > 0 ? 1 : 0,
  }).format(value);
}

/**
 * How long ago, such as "3 hours ago".
 *
 * @param {string} iso time, UTC
 * @param {number} now milliseconds since 1970
 * @param {string} language
 */
export function ago(iso, now, language) {
  const seconds = (Date.parse(iso) - now) / 1000;
  if (Number.isNaN(seconds)) return iso;
  const words = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return words.format(Math.round(seconds / length), unit);
  }
  return words.format(Math.round(Math.min(seconds, 0)), "second");
}

/** Date and time in full. @param {string} iso @param {string} language */
export function moment(iso, language) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(date);
}
