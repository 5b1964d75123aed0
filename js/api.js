/** Our routes, one function each. */

/** @typedef {import("./wire.js").Fault} Fault */
/** @typedef {import("./wire.js").TaskRequest} TaskRequest */
/** @typedef {import("./wire.js").WorkflowRequest} WorkflowRequest */
/** @typedef {import("./wire.js").RestoreRequest} RestoreRequest */
/** @typedef {import("./wire.js").SnapshotChange} SnapshotChange */
/** @typedef {import("./wire.js").NewSnapshot} NewSnapshot */

/** @typedef {(path: string, init?: RequestInit) => Promise<Response>} FetchApi - the host's `api.fetchApi` */

const PREFIX = "/safe_install/v1";

/** What the server answered to a request that failed, or that there was no answer. */
export class ApiError extends Error {
  /**
   * @param {Fault} fault
   * @param {number} status 0 where nobody answered
   */
  constructor(fault, status) {
    super(fault.message);
    this.name = "ApiError";
    this.fault = fault;
    this.status = status;
  }
}

/**
 * What to show of anything that was thrown.
 *
 * @param {unknown} error
 * @returns {Fault}
 */
export function faultOf(error) {
  if (error instanceof ApiError) return error.fault;
  return { code: "panel-error", message: error instanceof Error ? error.message : String(error), context: {}, hints: [] };
}

/** Everything the panel asks the server. Every method raises ApiError. */
export class Api {
  /** @type {Promise<import("./wire.js").Token> | null} */
  #token = null;
  /** @type {FetchApi} */
  #fetch;

  /** @param {FetchApi} fetchApi */
  constructor(fetchApi) {
    this.#fetch = fetchApi;
  }

  /** @param {boolean} [drift] @returns {Promise<import("./wire.js").Status>} */
  status(drift = false) {
    return this.#get(drift ? "/status?drift=true" : "/status");
  }

  /** @returns {Promise<import("./wire.js").Packs>} */
  packs() {
    return this.#get("/packs");
  }

  /** @returns {Promise<import("./wire.js").Wishes>} */
  wishes() {
    return this.#get("/wishes");
  }

  /** @param {string} name @returns {Promise<import("./wire.js").Why>} */
  why(name) {
    return this.#get(`/why/${encodeURIComponent(name)}`);
  }

  /** Have it planned. @param {TaskRequest} body @returns {Promise<import("./wire.js").Accepted>} */
  plan(body) {
    return this.#send("POST", "/plan", body);
  }

  /** Have it done. @param {TaskRequest} body @returns {Promise<import("./wire.js").Accepted>} */
  run(body) {
    return this.#send("POST", "/tasks", body);
  }

  /** @param {string} id @returns {Promise<import("./wire.js").Plan>} */
  getPlan(id) {
    return this.#get(`/plan/${encodeURIComponent(id)}`);
  }

  /**
   * @param {number} [limit]
   * @param {number} [offset]
   * @returns {Promise<import("./wire.js").Jobs>}
   */
  jobs(limit = 50, offset = 0) {
    return this.#get(`/jobs?limit=${limit}&offset=${offset}`);
  }

  /** @param {string} id @param {number} [wait] seconds @returns {Promise<import("./wire.js").Job>} */
  job(id, wait = 0) {
    return this.#get(`/jobs/${encodeURIComponent(id)}${wait ? `?wait=${wait}` : ""}`);
  }

  /** @param {string} id @returns {Promise<import("./wire.js").Job>} */
  cancel(id) {
    return this.#send("POST", `/jobs/${encodeURIComponent(id)}/cancel`, {});
  }

  /**
   * @param {number} [limit]
   * @param {number} [offset]
   * @returns {Promise<import("./wire.js").Transactions>}
   */
  transactions(limit = 50, offset = 0) {
    return this.#get(`/transactions?limit=${limit}&offset=${offset}`);
  }

  /**
   * @param {number} [limit]
   * @param {number} [offset]
   * @returns {Promise<import("./wire.js").Snapshots>}
   */
  snapshots(limit = 50, offset = 0) {
    return this.#get(`/snapshots?limit=${limit}&offset=${offset}`);
  }

  /** @param {string} id @returns {Promise<import("./wire.js").Transaction>} */
  transaction(id) {
    return this.#get(`/transactions/${encodeURIComponent(id)}`);
  }

  /** @param {string} id @returns {Promise<import("./wire.js").Snapshot>} */
  snapshot(id) {
    return this.#get(`/snapshots/${encodeURIComponent(id)}`);
  }

  /** Take one of now. @param {NewSnapshot} body @returns {Promise<import("./wire.js").Accepted>} */
  takeSnapshot(body) {
    return this.#send("POST", "/snapshots", body);
  }

  /** Label or pin. @param {string} id @param {SnapshotChange} body @returns {Promise<import("./wire.js").Snapshot>} */
  changeSnapshot(id, body) {
    return this.#send("PATCH", `/snapshots/${encodeURIComponent(id)}`, body);
  }

  /** @param {string} id @returns {Promise<import("./wire.js").Removed>} */
  removeSnapshot(id) {
    return this.#send("DELETE", `/snapshots/${encodeURIComponent(id)}`, {});
  }

  /** The document, to be saved as a file. @param {string} id @returns {Promise<Blob>} */
  async exportSnapshot(id) {
    return (await this.#ask("GET", `/snapshots/${encodeURIComponent(id)}/export`)).blob();
  }

  /** "now" is the state of this moment. @param {string} a @param {string} b @returns {Promise<import("./wire.js").SnapshotDiff>} */
  diff(a, b) {
    return this.#get(`/snapshots/${encodeURIComponent(a)}/diff/${encodeURIComponent(b)}`);
  }

  /**
   * Go back to it, or with `plan: true` have said what that takes.
   *
   * @param {string} id
   * @param {Partial<RestoreRequest>} body
   * @returns {Promise<import("./wire.js").Accepted>}
   */
  restore(id, body) {
    return this.#send("POST", `/snapshots/${encodeURIComponent(id)}/restore`, body);
  }

  /** @param {WorkflowRequest} body @returns {Promise<import("./wire.js").Missing>} */
  missing(body) {
    return this.#send("POST", "/workflow/missing", body);
  }

  /** @param {string} text @param {number} [page] @returns {Promise<import("./wire.js").RegistryPacks>} */
  search(text, page = 1) {
    return this.#get(`/registry/search?${new URLSearchParams({ text, page: String(page) })}`);
  }

  /** @param {string} id @returns {Promise<import("./wire.js").RegistryPackDetail>} */
  registryPack(id) {
    return this.#get(`/registry/packs/${encodeURIComponent(id)}`);
  }

  /** Put a zip on the server; its `source` is what an install task takes. @param {File} file @returns {Promise<import("./wire.js").Upload>} */
  upload(file) {
    return this.#send("POST", `/uploads?${new URLSearchParams({ name: file.name })}`, file, "application/zip");
  }

  /** Give up a change that waits for the next start. @param {string} id @returns {Promise<import("./wire.js").Status>} */
  cancelWaiting(id) {
    return this.#send("POST", `/waiting/${encodeURIComponent(id)}/cancel`, {});
  }

  /** Start ComfyUI again. @param {boolean} [force] also while prompts run @returns {Promise<import("./wire.js").Restarting>} */
  restart(force = false) {
    return this.#send("POST", "/restart", { force });
  }

  /** What tells this start of ComfyUI from every other: its token, fetched anew. @returns {Promise<string>} */
  async thisStart() {
    this.forgetToken();
    return (await this.#heldToken()).token;
  }

  /** Each start of ComfyUI has a token of its own. */
  forgetToken() {
    this.#token = null;
  }

  /** @param {string} path */
  async #get(path) {
    return (await this.#ask("GET", path)).json();
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} body
   * @param {string} [type]
   */
  async #send(method, path, body, type = "application/json") {
    const once = async () => {
      const { header, token } = await this.#heldToken();
      const headers = { "Content-Type": type, [header]: token };
      const sent = type === "application/json" ? JSON.stringify(body) : /** @type {Blob} */ (body);
      return (await this.#ask(method, path, { headers, body: sent })).json();
    };
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof ApiError && error.fault.code === "token-wrong")) throw error;
      // ComfyUI was started again since the token was fetched.
      this.forgetToken();
      return once();
    }
  }

  #heldToken() {
    this.#token ??= this.#get("/token").catch((error) => {
      this.forgetToken();
      throw error;
    });
    return this.#token;
  }

  /** @param {string} method @param {string} path @param {RequestInit} [init] @returns {Promise<Response>} */
  async #ask(method, path, init = {}) {
    let response;
    try {
      response = await this.#fetch(PREFIX + path, { ...init, method, cache: "no-store" });
    } catch (error) {
      throw new ApiError(
        {
          code: "server-unreachable",
          message: "ComfyUI does not answer.",
          context: { error: String(error) },
          hints: [{ code: "wait-or-start", text: "Wait a moment, or look whether ComfyUI still runs." }],
        },
        0,
      );
    }
    if (response.ok) return response;
    const document = await response.json().catch(() => null);
    throw new ApiError(document?.error ?? unknownAnswer(response), response.status);
  }
}

/** @param {Response} response @returns {Fault} */
function unknownAnswer(response) {
  const missing = response.status === 404 || response.status === 405;
  return {
    code: missing ? "routes-missing" : "answer-not-understood",
    message: missing ? "ComfyUI runs without Safe Install's routes." : `ComfyUI answered with ${response.status}.`,
    context: { status: String(response.status) },
    hints: [{ code: "restart", text: "Restart ComfyUI, then reload this page. ComfyUI's log says more." }],
  };
}
