// What the one box holds, recognised.
import assert from "node:assert/strict";
import { test } from "node:test";

import { deedOf, deedOfVersion, recognise } from "../../js/model/source.js";

const KNOWN = /** @type {const} */ ([
  ["", "nothing", "", "", ""],
  ["   ", "nothing", "", "", ""],
  ["impact", "words", "impact", "impact", "install"],
  ["face detailer", "words", "", "face detailer", "install"],
  ["comfyui-impact-pack@8.2.1", "registry", "comfyui-impact-pack@8.2.1", "comfyui-impact-pack", "install"],
  ["pack@latest", "registry", "pack@latest", "pack", "install"],
  ["pack@nightly", "registry", "pack@nightly", "pack", "install-nightly"],
  ["https://github.com/a/Pack", "git", "https://github.com/a/Pack", "Pack", "install-git"],
  ["https://github.com/a/Pack.git@v1.2", "git", "https://github.com/a/Pack.git@v1.2", "Pack", "install-git"],
  ["https://github.com/a/Pack/tree/main", "git", "https://github.com/a/Pack/tree/main", "Pack", "install-git"],
  ["https://user@host.example/a/Pack", "git", "https://user@host.example/a/Pack", "Pack", "install-git"],
  ["git+https://host.example/a/Pack.git@main", "git", "git+https://host.example/a/Pack.git@main", "Pack", "install-git"],
  ["git@github.com:a/Pack.git", "git", "git@github.com:a/Pack.git", "Pack", "install-git"],
  ["git+file:///srv/Pack", "git", "git+file:///srv/Pack", "Pack", "install-local"],
  ["a/Pack", "git", "https://github.com/a/Pack", "Pack", "install-git"],
  ["/srv/packs/Pack", "path", "/srv/packs/Pack", "Pack", "install-local"],
  ["/srv/packs/Pack/", "path", "/srv/packs/Pack/", "Pack", "install-local"],
  ['"C:\\packs\\My Pack"', "path", "C:\\packs\\My Pack", "My Pack", "install-local"],
  ["file:///srv/Pack.zip", "path", "file:///srv/Pack.zip", "Pack.zip", "install-local"],
]);

for (const [text, kind, source, name, deed] of KNOWN) {
  test(`${JSON.stringify(text)} is ${kind}`, () => {
    assert.deepEqual(recognise(text), { kind, source, name, deed, why: "" });
  });
}

const UNUSABLE = /** @type {const} */ ([
  ["./Pack", "relative"],
  ["~/Pack", "relative"],
  ["packs/Pack/more", "relative"],
  ["Pack.zip", "relative"],
  ["https://host.example/Pack.zip", "archive-url"],
  ["ftp://host.example/Pack", "scheme"],
]);

for (const [text, why] of UNUSABLE) {
  test(`${text} is no source: ${why}`, () => {
    const known = recognise(text);
    assert.deepEqual([known.kind, known.source, known.why], ["unusable", "", why]);
  });
}

test("what a task is, in the words of what is permitted", () => {
  assert.equal(deedOf({ kind: "install", params: { source: "/srv/Pack" } }), "install-local");
  assert.equal(deedOf({ kind: "uninstall", params: {} }), "uninstall");
  assert.equal(deedOf({ kind: "install", params: { id: "pack" } }), "");
  assert.equal(deedOfVersion(""), "install");
  assert.equal(deedOfVersion("1.0"), "install");
  assert.equal(deedOfVersion("nightly"), "install-nightly");
});
