/**
 * What a notebook holds under our MIME type -> a run that is safe to work with.
 *
 * A saved notebook is untrusted: anything may stand where a field should be, and there may be a million of it.
 * Types are checked here and counts are capped here, before anything is drawn; how long a text or how deep an
 * input may be is the business of what draws it.
 */

import type {
  IFooter,
  IProducedFile,
  IRun,
  IToolStep,
  ITranscript,
  NoticeLevel,
  Preview,
  Step,
  ToolStatus,
  TurnStatus
} from './model';
import { bag, blocks, list, numberOrNull, text, textOrNull } from './wire';
import type { Bag } from './wire';

export const MAX_STEPS = 2000;
export const MAX_BLOCKS = 50;
export const MAX_FILES = 200;

const ROWS = 10;
const COLUMNS = 20;

const MAX_DATA = 1_000_000;
const PICTURES: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/svg+xml'
]);
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const SESSION_ID = /^sesn_[0-9A-Za-z]{20,40}$/;
const EVENT_ID = /^sevt_[0-9A-Za-z]{20,40}$/;

const TURN_STATUSES: ReadonlySet<string> = new Set<TurnStatus>([
  'running',
  'retrying',
  'waiting',
  'done',
  'interrupted',
  'failed',
  'refused',
  'budget_reached'
]);

const TOOL_STATUSES: ReadonlySet<string> = new Set<ToolStatus>([
  'running',
  'waiting',
  'ok',
  'error',
  'denied',
  'interrupted'
]);

const LEVELS: ReadonlySet<string> = new Set<NoticeLevel>(['info', 'warning', 'error']);

/** The run in `data`, or null where it is none or one of a schema that is not ours. */
export function normalise(data: unknown): IRun | null {
  const source = bag(data);
  if (source.schema !== 1 || !source.transcript) {
    return null;
  }
  const transcript = bag(source.transcript);
  const steps = list(transcript.steps);
  return {
    sessionId: matching(source.session_id, SESSION_ID),
    firstEventId: matching(source.first_event_id, EVENT_ID),
    live: source.live === true,
    transcript: readTranscript(transcript, steps.slice(-MAX_STEPS)),
    omitted: Math.max(0, steps.length - MAX_STEPS)
  };
}

function readTranscript(source: Bag, steps: readonly unknown[]): ITranscript {
  return {
    status: member(source.status, TURN_STATUSES, 'failed'),
    prompt: text(source.prompt),
    steps: steps.flatMap((step, index) => readStep(bag(step), index)),
    files: list(source.files)
      .slice(0, MAX_FILES)
      .flatMap(file => readFile(bag(file))),
    footer: readFooter(bag(source.footer))
  };
}

function readStep(source: Bag, index: number): Step[] {
  const id = text(source.id) || `step-${index}`;
  switch (source.kind) {
    case 'text':
      return [
        {
          kind: 'text',
          id,
          markdown: text(source.markdown),
          partial: source.partial === true
        }
      ];
    case 'thinking':
      return [{ kind: 'thinking', id, partial: source.partial === true }];
    case 'tool':
      return [
        {
          kind: 'tool',
          id,
          name: text(source.name),
          server: textOrNull(source.server),
          input: bag(source.input),
          status: member(source.status, TOOL_STATUSES, 'interrupted'),
          output: blocks(list(source.output).slice(0, MAX_BLOCKS)),
          seconds: numberOrNull(source.seconds),
          ...kernelPart(source)
        }
      ];
    case 'steer':
      return [{ kind: 'steer', id, text: text(source.text) }];
    case 'notice':
      return [
        {
          kind: 'notice',
          id,
          level: member(source.level, LEVELS, 'info'),
          text: text(source.text)
        }
      ];
    default:
      return [];
  }
}

/** What a call of a function of the notebook has beside the rest. */
function kernelPart(source: Bag): Pick<IToolStep, 'place' | 'shown'> {
  return source.place === 'kernel'
    ? { place: 'kernel', shown: blocks(list(source.shown).slice(0, MAX_BLOCKS)) }
    : {};
}

function readFile(source: Bag): IProducedFile[] {
  const path = text(source.path);
  return path
    ? [
        {
          path,
          size: numberOrNull(source.size),
          file_id: textOrNull(source.file_id),
          url: textOrNull(source.url),
          preview: readPreview(bag(source.preview))
        }
      ]
    : [];
}

function readPreview(source: Bag): Preview | null {
  const data = text(source.data);
  if (source.type === 'image' && PICTURES.has(text(source.media_type)) && data.length <= MAX_DATA) {
    return BASE64.test(data) ? { type: 'image', media_type: text(source.media_type), data } : null;
  }
  const cells = (row: unknown): string[] =>
    list(row)
      .slice(0, COLUMNS)
      .map(cell => text(cell).slice(0, 200));
  return source.type === 'table'
    ? {
        type: 'table',
        columns: cells(source.columns),
        rows: list(source.rows).slice(0, ROWS).map(cells),
        more: source.more === true
      }
    : null;
}

function readFooter(source: Bag): IFooter {
  return {
    model: textOrNull(source.model),
    turn: numberOrNull(source.turn),
    input_tokens: numberOrNull(source.input_tokens) ?? 0,
    output_tokens: numberOrNull(source.output_tokens) ?? 0,
    cache_read_input_tokens: numberOrNull(source.cache_read_input_tokens) ?? 0,
    cache_creation_input_tokens: numberOrNull(source.cache_creation_input_tokens) ?? 0,
    cost_usd: numberOrNull(source.cost_usd),
    sandbox: textOrNull(source.sandbox),
    seconds: numberOrNull(source.seconds) ?? 0,
    replayed: source.replayed === true
  };
}

function matching(value: unknown, pattern: RegExp): string | null {
  return typeof value === 'string' && pattern.test(value) ? value : null;
}

function member<T extends string>(value: unknown, allowed: ReadonlySet<string>, otherwise: T): T {
  return typeof value === 'string' && allowed.has(value) ? (value as T) : otherwise;
}
