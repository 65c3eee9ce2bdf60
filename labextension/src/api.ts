/** The server's API as the page uses it, through JupyterLab's own connection: base URL, token and XSRF are its business. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type { IApprovals, IWaitingCall } from './approvals';
import { readApprovals } from './approvals';
import type { IEvent } from './fold';
import type { Forms } from './keeper';
import type { IBlock, IRun } from './model';
import { frames } from './sse';
import { bag, list, text } from './wire';
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

/** Milliseconds for what may write a whole workspace. */
const LONG_PATIENCE = 600_000;

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
  async history(
    sessionId: string,
    firstEventId: string,
    signal: AbortSignal = AbortSignal.timeout(PATIENCE)
  ): Promise<IEvent[]> {
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

  /** Whether a session belongs to the notebook at that path. */
  async tied(sessionId: string, notebook: string, signal: AbortSignal): Promise<boolean> {
    const answer = await this._json(...approvalsOf(sessionId, notebook), signal);
    return readApprovals(answer).tied;
  }

  /** What became of files since an event, oldest first. */
  async changes(
    sessionId: string,
    eventId: string,
    signal: AbortSignal = AbortSignal.timeout(PATIENCE)
  ): Promise<readonly Bag[]> {
    const search = URLExt.objectToQueryString({ after: eventId });
    const answer = await this._json(`local/sessions/${sessionId}/changes`, search, signal);
    return list(bag(answer).data).map(bag);
  }

  /** Puts back the files that the turns from an event's on changed; what came of it. */
  async undo(sessionId: string, eventId: string): Promise<unknown> {
    const patience = AbortSignal.timeout(LONG_PATIENCE);
    const path = `local/sessions/${sessionId}/undo`;
    return (await this._post(path, { event_id: eventId }, patience)).json();
  }

  /** A new session that goes on from an event; its id. */
  async fork(sessionId: string, eventId: string): Promise<string> {
    const patience = AbortSignal.timeout(LONG_PATIENCE);
    const path = `local/sessions/${sessionId}/fork`;
    const answer = await this._post(path, { event_id: eventId }, patience);
    return text(bag(bag(await answer.json()).session).id);
  }

  /** A turn in all the forms of a cell's output, as the server draws it. */
  async snapshot(
    run: IRun,
    notebook: string,
    shown: Readonly<Record<string, readonly IBlock[]>>,
    signal: AbortSignal
  ): Promise<Forms> {
    const path = `local/sessions/${run.sessionId}/turns/${run.firstEventId}/snapshot`;
    const answer = await this._post(path, { notebook, shown }, signal);
    return bag(bag(await answer.json()).data);
  }

  /** What waits in a session, who answered what, and whether the session is that notebook's. */
  async approvals(sessionId: string, notebook: string): Promise<IApprovals> {
    const patience = AbortSignal.timeout(PATIENCE);
    return readApprovals(await this._json(...approvalsOf(sessionId, notebook), patience));
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

  private async _post(
    path: string,
    body: unknown,
    signal: AbortSignal = AbortSignal.timeout(PATIENCE)
  ): Promise<Response> {
    const { baseUrl } = this._settings;
    const init = {
      method: 'POST',
      cache: 'no-cache',
      headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal
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
    return response;
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

/** The path and the search of the question what waits in a session for a notebook. */
function approvalsOf(sessionId: string, notebook: string): [string, string] {
  const search = URLExt.objectToQueryString({ notebook });
  return [`local/sessions/${sessionId}/approvals`, search];
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
