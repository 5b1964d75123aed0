// What we use of ComfyUI's front end: scripts/api.js (1.35.9 and 1.58.1).

interface Api {
  /** This page on the websocket; unset until it is connected. */
  clientId?: string;
  fetchApi(route: string, init?: RequestInit): Promise<Response>;
  /** The address of a route below whatever the page is served under. */
  apiURL(route: string): string;
  /** The address of a file below whatever the page is served under. */
  fileURL(route: string): string;
  addEventListener(type: string, listener: (event: CustomEvent<any>) => void, options?: AddEventListenerOptions): void;
  removeEventListener(type: string, listener: (event: CustomEvent<any>) => void): void;
  getSystemStats(): Promise<any>;
}

export const api: Api;
