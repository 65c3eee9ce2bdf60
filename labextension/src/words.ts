/** The words for statuses, in the user's language. */

import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';

import type { Glyph } from './dom';
import type { ToolStatus, TurnStatus } from './model';

export type Words = IRenderMime.TranslationBundle;

export function toolWord(status: ToolStatus, words: Words): string {
  switch (status) {
    case 'running':
      return words.__('running');
    case 'waiting':
      return words.__('waiting');
    case 'ok':
      return words.__('ok');
    case 'error':
      return words.__('error');
    case 'denied':
      return words.__('denied');
    case 'interrupted':
      return words.__('interrupted');
  }
}

export function turnWord(status: TurnStatus, words: Words): string {
  switch (status) {
    case 'running':
      return words.__('Running');
    case 'retrying':
      return words.__('Trying again');
    case 'waiting':
      return words.__('Waiting for you');
    case 'done':
      return words.__('Done');
    case 'interrupted':
      return words.__('Interrupted');
    case 'failed':
      return words.__('Failed');
    case 'refused':
      return words.__('Refused by the model');
    case 'budget_reached':
      return words.__('Budget used up');
  }
}

export function turnGlyph(status: TurnStatus): Glyph {
  switch (status) {
    case 'running':
    case 'retrying':
      return 'running';
    case 'waiting':
      return 'waiting';
    case 'done':
      return 'ok';
    case 'interrupted':
      return 'interrupted';
    case 'failed':
      return 'error';
    case 'refused':
    case 'budget_reached':
      return 'warning';
  }
}
