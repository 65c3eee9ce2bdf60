/**
 * Tells the server which kernels this page shows, so that `%%agent` knows that its buttons are there.
 *
 * Through the server, not the kernel: it reaches a busy kernel, and a kernel without our package hears nothing.
 */

import type { JupyterFrontEnd } from '@jupyterlab/application';

import { Api, AnswerError } from './api';
import type { IDocument } from './notebooks';
import { closed, opened } from './notebooks';

/** The server forgets a page that says nothing for 150 s. */
const AGAIN = 60_000;

/** The part of a notebook's context that is looked at. */
interface IContext {
  readonly path: string;
  readonly model: IDocument;
  readonly pathChanged: ISignal;
  readonly disposed: ISignal;
  readonly sessionContext: {
    readonly session: { readonly kernel: { readonly id: string } | null } | null;
    readonly kernelChanged: ISignal;
    readonly connectionStatusChanged: ISignal;
  };
}

interface ISignal {
  connect(slot: () => void): boolean;
}

export function announceNotebooks(app: JupyterFrontEnd, api: Api = new Api()): void {
  app.docRegistry.addWidgetExtension('Notebook', {
    createNew: (_, context) => {
      announce(context, api);
    }
  });
}

/** Announces one notebook for as long as it is open. */
export function announce(context: IContext, api: Pick<Api, 'announce'>): void {
  let unknown: string | null = null;
  const say = (): void => {
    const kernel = context.sessionContext.session?.kernel?.id ?? null;
    if (kernel === null || kernel === unknown) {
      return;
    }
    api.announce(kernel, ownPath(context.path)).catch((reason: unknown) => {
      // A server without our extension need not be told again.
      unknown = reason instanceof AnswerError && reason.status === 404 ? kernel : null;
    });
  };
  const know = (): void => opened(ownPath(context.path), context.model);
  const timer = window.setInterval(say, AGAIN);
  const { sessionContext } = context;
  sessionContext.kernelChanged.connect(say);
  sessionContext.connectionStatusChanged.connect(say);
  context.pathChanged.connect(say);
  context.pathChanged.connect(know);
  context.disposed.connect(() => {
    window.clearInterval(timer);
    closed(context.model);
  });
  know();
  say();
}

/** A path of the server without the drive that real-time collaboration puts before it. */
export function ownPath(path: string): string {
  return path.replace(/^RTC:/, '');
}
