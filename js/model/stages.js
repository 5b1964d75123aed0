/** How far a job is, as steps in the order in which they come. Pure. */

/** @typedef {import("../wire.js").Job} Job */
/** @typedef {import("../wire.js").JobSummary} JobSummary */

/** @typedef {"plan" | "stage" | "trial" | "snapshot" | "swap" | "verify"} Step - `verify` ends a change; each has words of its own */

/**
 * The server's stages (`stage.name` of a job) by the step they belong to.
 * @type {Record<string, Step>}
 */
const STEP_OF = {
  fetch: "plan",
  solve: "plan",
  isolate: "plan",
  settle: "plan",
  metadata: "plan",
  wait: "plan",
  stage: "stage",
  trial: "trial",
  snapshot: "snapshot",
  guard: "snapshot",
  swap: "swap",
  defer: "swap",
  verify: "verify",
  "install-py": "verify",
};

/** @type {readonly Step[]} */
const CHANGE = ["plan", "stage", "trial", "snapshot", "swap", "verify"];

/**
 * The steps of a job and where it is in them; none for a job that has only one.
 *
 * @param {Job | JobSummary} job
 * @returns {{step: Step, at: "done" | "now" | "ahead"}[]}
 */
export function stepsOf(job) {
  if (job.kind === "plan" || job.kind === "snapshot") return [];
  const now = CHANGE.indexOf(stepOf(job));
  return CHANGE.map((step, index) => ({ step, at: index < now ? "done" : index === now ? "now" : "ahead" }));
}

/**
 * How much of its stage is done, from 0 to 1; null where nobody knows.
 *
 * @param {JobSummary} job
 */
export function shareOf(job) {
  const { done = 0, total = 0, under_way: underWay = 0, unit = "" } = job.progress ?? {};
  if (total <= 0) return null;
  // What is still being downloaded is not among what is done, and only estimated.
  const sum = unit === "bytes" ? Math.min(done + underWay, Math.max(done, total * 0.99)) : done;
  return Math.min(Math.max(sum / total, 0), 1);
}

/** Whether it can be ended without a trace. @param {Job | JobSummary} job */
export function isFree(job) {
  return "cancellable" in job && job.cancellable && (job.state === "queued" || job.state === "running");
}

/** @param {Job | JobSummary} job @returns {Step} */
function stepOf(job) {
  const name = job.stage?.name ?? "";
  // A repair hashes what is installed before anything begins.
  if (name === "verify" && "created" in job && !job.transaction_id) return "plan";
  return STEP_OF[name] ?? "plan";
}

/** Whether it runs or waits. @param {Pick<JobSummary, "state">} job */
export function isOpen({ state }) {
  return state === "queued" || state === "running" || state === "cancelling";
}

/**
 * Whom it waits for: its turn among the jobs, another process, or nobody.
 *
 * @param {Pick<JobSummary, "state" | "stage">} job
 * @returns {"turn" | "process" | ""}
 */
export function waitsFor({ state, stage }) {
  if (state === "queued") return "turn";
  return state === "running" && stage?.name === "wait" ? "process" : "";
}
