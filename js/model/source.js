/** What the one box holds: words to search for, or a source that can be installed as it is. Pure.
 *
 * The server judges it once more (resolver/core/sources.py); here it is only about what to offer.
 */

/**
 * `words`: to be searched for; `source` is there too where they may be the id of a pack. `unusable`: it looks like a
 * source, but none that is taken; `why` says which of the sentences "flow.unusable.*" fits.
 *
 * @typedef {object} Recognised
 * @property {"nothing" | "words" | "registry" | "git" | "path" | "unusable"} kind
 * @property {string} source what an install task takes
 * @property {string} name what to call it
 * @property {string} deed what it is in `permits` of the status
 * @property {"" | "relative" | "archive-url" | "scheme"} why
 */

const ID = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const WITH_VERSION =
  /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:@([A-Za-z0-9][A-Za-z0-9._+-]*))?(?:#sha256=[0-9a-f]{64})?$/;
const URL_SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//;
const SCP_LIKE = /^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:[^\\:][^\\]*$/;
const ABSOLUTE = /^(?:\/|[A-Za-z]:[\\/]|\\\\)/;
const ARCHIVE = /\.(?:zip|whl|gz)$/i;
const RELEASE = /^[0-9]+(?:\.[0-9]+)+(?:[._+-][A-Za-z0-9._+-]*)?$/;

/**
 * What the text is.
 *
 * @param {string} text
 * @returns {Recognised}
 */
export function recognise(text) {
  const given = unquoted(text.trim());
  if (given === "") return of("nothing", "");
  if (given.startsWith("git+")) return git(given, given.slice(4));
  const scheme = URL_SCHEME.exec(given)?.[1]?.toLowerCase();
  if (scheme === "file") return path(given);
  if (scheme !== undefined) return git(given, given);
  if (SCP_LIKE.test(given)) return git(given, given);
  if (ABSOLUTE.test(given)) return path(given);
  if (!/\s/.test(given) && (/^[.~]/.test(given) || /[\\/]/.test(given) || /\.(?:zip|whl)$/i.test(given))) {
    // "owner/name" as people write it of GitHub.
    if (/^[A-Za-z0-9-]+\/[A-Za-z0-9._-]+$/.test(given) && !ARCHIVE.test(given)) {
      const url = `https://github.com/${given}`;
      return of("git", url, nameOf(url), "install-git");
    }
    return { ...of("unusable", ""), why: "relative" };
  }
  const known = WITH_VERSION.exec(given);
  if (known?.[1] && (known[2] || given.includes("#"))) {
    return of("registry", given, known[1], deedOfVersion(known[2] ?? ""));
  }
  return of("words", ID.test(given) ? given : "", given, "install");
}

/**
 * What installing that version of a pack of the Registry is in `permits`.
 *
 * @param {string} version
 */
export function deedOfVersion(version) {
  return version === "" || version === "latest" || RELEASE.test(version) ? "install" : "install-nightly";
}

/**
 * The same for any task; empty where the server alone can say.
 *
 * @param {{kind: string, params: Record<string, unknown>}} task
 */
export function deedOf({ kind, params }) {
  if (kind !== "install") return kind;
  if (typeof params.source !== "string") return "";
  const { deed } = recognise(params.source);
  return deed;
}

/** @param {string} given @param {string} url @returns {Recognised} */
function git(given, url) {
  const scheme = URL_SCHEME.exec(url)?.[1]?.toLowerCase();
  if (scheme !== undefined && !["https", "http", "ssh", "file"].includes(scheme)) {
    return { ...of("unusable", ""), why: "scheme" };
  }
  const place = url.split("#")[0] ?? "";
  if (ARCHIVE.test(place) && !given.startsWith("git+")) return { ...of("unusable", ""), why: "archive-url" };
  return of("git", given, nameOf(place), scheme === "file" ? "install-local" : "install-git");
}

/** @param {string} given */
function path(given) {
  const name = given.replace(/[\\/]+$/, "").split(/[\\/]/).pop() ?? given;
  return of("path", given, name, "install-local");
}

/** The repository's name, without branch and ending. @param {string} url */
function nameOf(url) {
  const page = /^https?:\/\/github\.com\/[^/]+\/([^/@]+)/i.exec(url);
  // Behind the host, or what stands for it in `git@host:owner/name`; an @ there begins a branch or tag.
  const path = url.replace(/^(?:[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/]*|[^/:]*:)/, "").replace(/\/+$/, "");
  const last = page?.[1] ?? path.replace(/@[^@]*$/, "").split("/").pop() ?? "";
  return last.replace(/\.git$/, "") || url;
}

/** Paths are often copied with quotes round them. @param {string} text */
function unquoted(text) {
  return /^(["']).*\1$/.test(text) ? text.slice(1, -1).trim() : text;
}

/**
 * @param {Recognised["kind"]} kind
 * @param {string} source
 * @param {string} [name]
 * @param {string} [deed]
 * @returns {Recognised}
 */
function of(kind, source, name = source, deed = "") {
  return { kind, source, name, deed, why: "" };
}
