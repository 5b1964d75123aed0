/** Following jobs: events and answers come in any order, and the connection may break. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Jobs } from "../../js/actions/jobs.js";
import { Store } from "../../js/store.js";

/** @param {Record<string, unknown>} more @returns {any} */
const whole = (more) => ({ id: "j1", kind: "install", state: "running", created: "2026-01-01T00:00:00Z", log: [], ...more });
/** @param {Record<string, unknown>} more @returns {any} */
const summary = (more) => ({ id: "j1", kind: "install", state: "running", ...more });

/** @param {(id: string, wait?: number) => Promise<any>} job */
function made(job = () => Promise.reject(new Error("not asked"))) {
  /** @type {any} */
  const store = new Store({ jobs: {} });
  /** @type {any} */
  const api = { job };
  const jobs = new Jobs({ api, store });
  /** @type {string[]} */
  const ended = [];
  jobs.onEnd((each) => ended.push(each.state));
  return { jobs, store, ended };
}

test("log lines of events add up, and a summary takes nothing of what is known away", () => {
  const { jobs, store } = made();
  jobs.heard({ job: { ...whole({ log: undefined }), new_log: ["a"] } });
  jobs.heard({ job: { ...whole({ log: undefined }), new_log: ["b"] } });
  jobs.heard({ job: summary({ stage: { name: "swap", text: "Swapping" } }) });
  const job = store.value.jobs.j1;
  assert.deepEqual(job.log, ["a", "b"]);
  assert.equal(job.stage.name, "swap");
  assert.equal(job.created, "2026-01-01T00:00:00Z");
});

test("what is over stays over, and its end is told once", () => {
  const { jobs, store, ended } = made();
  jobs.heard({ job: summary({ state: "done" }) });
  jobs.heard({ job: { ...whole({ state: "done", restart: "none" }), new_log: [] } });
  jobs.heard({ job: summary({ state: "running" }) });
  jobs.heard({ job: { ...whole({ state: "running" }), new_log: [] } });
  assert.equal(store.value.jobs.j1.state, "done");
  assert.equal(store.value.jobs.j1.restart, "none", "the whole job takes the place of its summary");
  assert.deepEqual(ended, ["done"]);
});

test("a job is followed to its end though the server is away for a while", async () => {
  const answers = [whole({}), new Error("away"), whole({ state: "failed" })];
  const { jobs } = made(() => {
    const answer = answers.shift();
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  });
  assert.equal((await jobs.follow("j1")).state, "failed");
});

test("a job the server knows nothing of is an error", async () => {
  const { jobs } = made(() => Promise.reject(Object.assign(new Error("no such job"), { status: 404 })));
  await assert.rejects(jobs.follow("j1"), /no such job/);
});

test("what ran when the connection broke is asked for when it is back", async () => {
  const { jobs, store, ended } = made(() => Promise.resolve(whole({ state: "done" })));
  jobs.heard({ job: summary({}) });
  jobs.settle([]);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(store.value.jobs.j1.state, "done");
  assert.deepEqual(ended, ["done"]);
});
