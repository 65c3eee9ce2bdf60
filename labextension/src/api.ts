/** The server's API as the page uses it, through JupyterLab's own connection: base URL, token and XSRF are its business. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { IApprovals, IWaitingCall } from './approvals';
import { readApprovals } from './approvals';
import type { IEvent } from './fold';
import type { IProducedFile } from './model';
import { frames } from './sse';
import { bag, list, numberOrNull, text, textOrNull } from './wire';
import type { Bag } from './wire';

const PAGE_SIZE = '1000';
const MAX_PAGES = 50;
/** The form of what this page draws and sends. */
const VERSION = '1';
const PREVIEWS = '?event_deltas[]=agent.message&event_deltas[]=agent.thinking';

/** The server sends a comment every 15 s; a stream that is silent for longer than this is dead. */
export const SILENCE = 50_000;

/** Milliseconds that an answer may take. */
const PATIENCE = 30_000;

/** The server answered, but not with what was asked for. */
export class AnswerError extends Error {
  constructor(
    readonly status: number,
    message: string
  ) {
    super(message);
  }
}

export class Api {
  constructor(
    private readonly _settings: ServerConnection.ISettings = ServerConnection.makeSettings()
  ) {}

  /**
   * A turn's events so far, oldest first, from its first event on; empty where the session does not have that event.
   * Lists backwards, so that a long session costs no more than its last turn.
   */
  async history(sessionId: string, firstEventId: string, signal: AbortSignal): Promise<IEvent[]> {
    const events: IEvent[] = [];
    let page = '';
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const query = { order: 'desc', limit: PAGE_SIZE, ...(page && { page }) };
      const path = `v1/sessions/${sessionId}/events`;
      const search = URLExt.objectToQueryString(query);
      const body = bag(await this._json(path, search, signal));
      for (const event of list(body.data).map(bag)) {
        events.push(event);
        if (event.id === firstEventId) {
          return events.reverse();
        }
      }
      page = text(body.next_page);
      if (!page) {
        break;
      }
    }
    return [];
  }

  /** The session's events from now on. Resolved means subscribed: what happens next is not missed. */
  async follow(sessionId: string, signal: AbortSignal): Promise<AsyncIterable<IEvent>> {
    const watch = new AbortController();
    const response = await this._get(
      `v1/sessions/${sessionId}/events/stream`,
      PREVIEWS,
      AbortSignal.any([signal, watch.signal]),
      'text/event-stream'
    );
    return streamed(response, watch);
  }

  /** The files that a session's turns changed since an event, as JupyterLab can open them. */
  async files(
    sessionId: string,
    firstEventId: string,
    signal: AbortSignal
  ): Promise<IProducedFile[]> {
    const root = `local/sessions/${sessionId}`;
    const [changes, sandbox] = await Promise.all([
      this._json(`${root}/changes`, `?after=${firstEventId}`, signal),
      this._json(`${root}/sandbox`, '', signal)
    ]);
    const folder = textOrNull(bag(sandbox).path);
    const files = new Map<string, IProducedFile>();
    for (const change of list(bag(changes).data).map(bag)) {
      const path = text(change.path);
      files.delete(path);
      if (path && change.kind !== 'deleted') {
        files.set(path, {
          path,
          size: numberOrNull(change.size),
          file_id: null,
          url: folder === null ? null : `${folder}/${path}`
        });
      }
    }
    return [...files.values()];
  }

  /** The first bytes of a file below the server's root, at most one more than `limit`; null where it is not served. */
  async head(path: string, limit: number, signal: AbortSignal): Promise<Blob | null> {
    const url = URLExt.join(this._settings.baseUrl, 'files', URLExt.encodeParts(path));
    const init = { cache: 'no-cache', headers: { Range: `bytes=0-${limit}` }, signal } as const;
    const response = await ServerConnection.makeRequest(url, init, this._settings);
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      return null;
    }
    const parts: BlobPart[] = [];
    let size = 0;
    const reader = response.body.getReader();
    try {
      while (size <= limit) {
        const { done, value } = await reader.read();
        if (done) {
          break;
        }
        parts.push(value);
        size += value.length;
      }
    } finally {
      await reader.cancel().catch(() => undefined);
    }
    return new Blob(parts).slice(0, limit + 1);
  }

  /** What waits in a session, who answered what, and whether the session is that notebook's. */
  async approvals(sessionId: string, notebook: string): Promise<IApprovals> {
    const search = URLExt.objectToQueryString({ notebook });
    const path = `local/sessions/${sessionId}/approvals`;
    return readApprovals(await this._json(path, search, AbortSignal.timeout(PATIENCE)));
  }

  /** Lets a waiting call run, or not. */
  async confirm(
    sessionId: string,
    callId: string,
    result: 'allow' | 'deny',
    reason: string
  ): Promise<void> {
    const type = 'user.tool_confirmation';
    const event = { type, tool_use_id: callId, result, ...(reason && { deny_message: reason }) };
    await this._post(`v1/sessions/${sessionId}/events`, { events: [event] });
  }

  /** Allows a call's tool in this session from now on; the call itself goes on waiting. */
  async allowAlways(sessionId: string, call: IWaitingCall): Promise<void> {
    const rule = { tool: call.name, server: call.server };
    await this._post(`local/sessions/${sessionId}/rules`, rule);
  }

  /** Lets a waiting call run with another input. */
  async allowWithInput(sessionId: string, callId: string, input: Bag): Promise<void> {
    const call = encodeURIComponent(callId);
    await this._post(`local/sessions/${sessionId}/calls/${call}/input`, { input });
  }

  /** Says that this page shows a notebook with a kernel. */
  async announce(kernelId: string, notebook: string): Promise<void> {
    const kernel = encodeURIComponent(kernelId);
    await this._post(`local/front-ends/${kernel}`, { version: VERSION, notebook });
  }

  private async _post(path: string, body: unknown): Promise<void> {
    const { baseUrl } = this._settings;
    const init = {
      method: 'POST',
      cache: 'no-cache',
      headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE)
    } as const;
    let response: Response;
    try {
      const url = URLExt.join(baseUrl, 'jupyter-agents', path);
      response = await ServerConnection.makeRequest(url, init, this._settings);
    } catch {
      throw new Error('The server cannot be reached; try again.');
    }
    if (!response.ok) {
      const said: unknown = await response.json().catch(() => null);
      const message = text(bag(bag(said).error).message);
      throw new AnswerError(response.status, message || `The server answered ${response.status}.`);
    }
  }

  private async _json(path: string, search: string, signal: AbortSignal): Promise<unknown> {
    const response = await this._get(path, search, signal, 'application/json');
    return response.json();
  }

  private async _get(
    path: string,
    search: string,
    signal: AbortSignal,
    type: string
  ): Promise<Response> {
    const { baseUrl } = this._settings;
    const url = URLExt.join(baseUrl, 'jupyter-agents', path) + search;
    // `no-store`, the default of these settings, would add an argument that the API does not know.
    const init = { cache: 'no-cache', headers: { Accept: type }, signal } as const;
    const response = await ServerConnection.makeRequest(url, init, this._settings);
    const given = response.headers.get('Content-Type') ?? '';
    if (!response.ok || !given.startsWith(type)) {
      await response.body?.cancel();
      throw new AnswerError(
        response.ok ? 404 : response.status,
        `The server answered ${response.status} with ${given || 'nothing'}.`
      );
    }
    return response;
  }
}

async function* streamed(response: Response, watch: AbortController): AsyncGenerator<IEvent> {
  let timer = 0;
  const alive = (): void => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => watch.abort(), SILENCE);
  };
  if (!response.body) {
    return;
  }
  alive();
  try {
    for await (const frame of frames(response.body, alive)) {
      if (frame.event === 'error') {
        throw new Error('The server ended the event stream with an error.');
      }
      if (frame.event !== 'ping') {
        yield bag(JSON.parse(frame.data));
      }
    }
  } finally {
    window.clearTimeout(timer);
    watch.abort();
  }
}
