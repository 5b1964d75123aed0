/** Following the server's jobs: by the websocket's events, and by asking where none come. */

/** @typedef {import("../wire.js").Job} Job */
/** @typedef {import("../wire.js").JobSummary} JobSummary */
/** @typedef {import("../ports.js").Ports} Ports */

const OVER = new Set(["done", "failed", "refused", "cancelled", "interrupted"]);
/** Seconds the server holds an answer back; events come sooner. */
const WAIT = 20;
/** Milliseconds until the server is asked again after it did not answer. */
const PAUSE = 1500;

/** Whether nothing more comes of it. @param {JobSummary} job */
export function isOver(job) {
  return OVER.has(job.state);
}

/** Whether it is known in full, not only as every page hears of it. @param {Job | JobSummary} job @returns {job is Job} */
export function isWhole(job) {
  return "created" in job;
}

/** The jobs this page has heard of. */
export class Jobs {
  /** @type {Pick<Ports, "api" | "store">} */
  #ports;
  /** @type {Set<(job: JobSummary) => void>} */
  #listeners = new Set();

  /** @param {Pick<Ports, "api" | "store">} ports */
  constructor(ports) {
    this.#ports = ports;
  }

  /** Hear of every job that ended, also those of other pages. @param {(job: JobSummary) => void} listener */
  onEnd(listener) {
    this.#listeners.add(listener);
  }

  /**
   * An event `safe_install.job`: in full for what this page asked for, else a summary.
   *
   * @param {{job: (Job | JobSummary) & {new_log?: string[]}}} detail
   */
  heard({ job: { new_log: lines = [], ...told } }) {
    const before = this.#ports.store.value.jobs[told.id];
    // Log lines come one by one; what was said before stays.
    const log = [...((before && isWhole(before) && before.log) || []), ...lines].slice(-200);
    this.#take(isWhole(told) ? { ...told, log } : { ...before, ...told });
  }

  /**
   * The job once it is over, however long that takes and whether or not the connection breaks in between.
   *
   * Raises ApiError only where the server says that there is no such job.
   *
   * @param {string} id
   * @returns {Promise<Job>}
   */
  async follow(id) {
    for (;;) {
      try {
        const job = await this.#ports.api.job(id, WAIT);
        this.#take(job);
        if (isOver(job)) return job;
      } catch (error) {
        const status = /** @type {{status?: number}} */ (error).status;
        if (status === 404) throw error;
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    }
  }

  /** The jobs that run or wait by what the status says; those we took for running are asked for anew. @param {readonly JobSummary[]} open */
  settle(open) {
    const known = this.#ports.store.value.jobs;
    for (const job of open) if (!known[job.id]) this.#take(job);
    const names = new Set(open.map((job) => job.id));
    for (const job of Object.values(known)) {
      if (!isOver(job) && !names.has(job.id)) {
        this.#ports.api.job(job.id).then((now) => this.#take(now), () => this.#drop(job.id));
      }
    }
  }

  /** @param {Job | JobSummary} job */
  #take(job) {
    const before = this.#ports.store.value.jobs[job.id];
    // Events and answers overtake each other; what is over stays over.
    if (before && isOver(before) && (!isOver(job) || isWhole(before))) return;
    this.#ports.store.set(({ jobs }) => ({ jobs: { ...jobs, [job.id]: job } }));
    if (isOver(job) && !(before && isOver(before))) for (const listener of this.#listeners) listener(job);
  }

  /** @param {string} id */
  #drop(id) {
    this.#ports.store.set(({ jobs: { [id]: _gone, ...jobs } }) => ({ jobs }));
  }
}
