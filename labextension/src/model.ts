/**
 * One turn as data: what the kernel saves in a notebook and what the page draws.
 * The contract is docs/transcript.md.
 */

export const MIME_TYPE = 'application/vnd.jupyter-agents.run+json';

export type TurnStatus =
  | 'running'
  | 'retrying'
  | 'waiting'
  | 'done'
  | 'interrupted'
  | 'failed'
  | 'refused'
  | 'budget_reached';

export type ToolStatus = 'running' | 'waiting' | 'ok' | 'error' | 'denied' | 'interrupted';

export type NoticeLevel = 'info' | 'warning' | 'error';

/** A content block of the wire: untrusted, so nothing but `type` is taken for granted. */
export interface IBlock {
  readonly type: string;
  readonly [key: string]: unknown;
}

export interface ITextStep {
  readonly kind: 'text';
  readonly id: string;
  readonly markdown: string;
  readonly partial: boolean;
}

export interface IThinkingStep {
  readonly kind: 'thinking';
  readonly id: string;
  readonly partial: boolean;
}

export interface IToolStep {
  readonly kind: 'tool';
  readonly id: string;
  readonly name: string;
  readonly server: string | null;
  readonly input: Readonly<Record<string, unknown>>;
  readonly status: ToolStatus;
  readonly output: readonly IBlock[];
  readonly seconds: number | null;
  /** `kernel` for a function of the notebook; only the bundle of the kernel that ran it says so. */
  readonly place?: string | null;
  /** What that function printed and displayed, which the agent does not see. */
  readonly shown?: readonly IBlock[];
}

export interface ISteerStep {
  readonly kind: 'steer';
  readonly id: string;
  readonly text: string;
}

export interface INoticeStep {
  readonly kind: 'notice';
  readonly id: string;
  readonly level: NoticeLevel;
  readonly text: string;
}

/** Steps are replaced, never changed: a step that is the same object looks the same. */
export type Step = ITextStep | IThinkingStep | IToolStep | ISteerStep | INoticeStep;

/** A picture as base64; its type is one that this page draws. */
export interface IImagePreview {
  readonly type: 'image';
  readonly media_type: string;
  readonly data: string;
}

/** A table's first rows; a row may be shorter than the head. */
export interface ITablePreview {
  readonly type: 'table';
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly more: boolean;
}

export type Preview = IImagePreview | ITablePreview;

export interface IProducedFile {
  readonly path: string;
  readonly size: number | null;
  readonly file_id: string | null;
  readonly url: string | null;
  readonly preview?: Preview | null;
}

export interface ITokens {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation_input_tokens: number;
  readonly seconds: number;
}

export interface IFooter extends ITokens {
  readonly model?: string | null;
  readonly turn?: number | null;
  readonly cost_usd?: number | null;
  readonly sandbox?: string | null;
  readonly replayed?: boolean;
}

export interface ITranscript {
  readonly status: TurnStatus;
  readonly prompt: string;
  readonly steps: readonly Step[];
  readonly files: readonly IProducedFile[];
  readonly footer: IFooter;
}

/** The whole MIME bundle, after `normalise` has made it safe to work with. */
export interface IRun {
  readonly sessionId: string | null;
  readonly firstEventId: string | null;
  readonly live: boolean;
  readonly transcript: ITranscript;
  /** Steps of the bundle that were left out because there were too many. */
  readonly omitted: number;
}

export const EMPTY_FOOTER: IFooter = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
  seconds: 0
};

export const EMPTY_TRANSCRIPT: ITranscript = {
  status: 'running',
  prompt: '',
  steps: [],
  files: [],
  footer: EMPTY_FOOTER
};

/** Whether a turn of this status goes on, by itself or after an answer. */
export function goesOn(status: TurnStatus): boolean {
  return status === 'running' || status === 'retrying' || status === 'waiting';
}
