import { readdirSync, readFileSync } from 'fs';
import { join } from 'path';

import type { ITranscript } from '../src/model';
import { MAX_BLOCKS, MAX_STEPS, normalise } from '../src/normalise';

const folder = join(__dirname, '..', '..', 'tests', 'transcripts');
const examples = readdirSync(folder).filter(name => name.endsWith('.json'));

function payload(transcript: unknown, fields: object = {}): unknown {
  return {
    schema: 1,
    session_id: 'sesn_01Example11111111111111',
    first_event_id: 'sevt_01Example11111111111111',
    live: true,
    transcript,
    ...fields
  };
}

it.each(examples)('keeps a good transcript as it is: %s', name => {
  const example = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
    transcript: ITranscript;
  };
  const run = normalise(payload(example.transcript))!;
  expect(run.transcript).toMatchObject(example.transcript);
  expect(run.omitted).toBe(0);
});

it.each([null, undefined, 1, 'x', [], {}, { schema: 1 }, { schema: 2, transcript: {} }])(
  'is null for %j',
  data => {
    expect(normalise(data)).toBeNull();
  }
);

it.each([
  '../../api',
  'sesn_',
  'sesn_01Example11111111111111/..',
  'sesn_' + 'a'.repeat(41),
  7,
  null
])('never keeps the session id %j', session_id =>
  expect(normalise(payload({}, { session_id }))!.sessionId).toBeNull()
);

it('caps what is counted', () => {
  const step = {
    kind: 'tool',
    id: 'c',
    output: Array.from({ length: 1000 }, () => ({ type: 'text' }))
  };
  const run = normalise(payload({ steps: Array.from({ length: MAX_STEPS + 5 }, () => step) }))!;
  expect(run.transcript.steps).toHaveLength(MAX_STEPS);
  expect(run.omitted).toBe(5);
  expect(run.transcript.steps[0]).toMatchObject({ output: { length: MAX_BLOCKS } });
});

it('replaces what is of a wrong type', () => {
  const run = normalise(
    payload({
      status: 'constructor',
      prompt: 7,
      steps: [
        { kind: 'tool', name: {}, input: [], status: 'toString', output: 'x', seconds: '1' },
        { kind: 'x' },
        3
      ],
      files: [{ path: 3 }, { path: 'a', size: -1, url: 5 }],
      footer: { cost_usd: '1', input_tokens: null, replayed: 'yes' }
    })
  )!;
  expect(run.transcript).toMatchObject({
    status: 'failed',
    prompt: '',
    steps: [
      { name: '', server: null, input: {}, status: 'interrupted', output: [], seconds: null }
    ],
    files: [{ path: 'a', url: null }],
    footer: { cost_usd: null, input_tokens: 0, replayed: false }
  });
});

describe('a call of a function of the notebook', () => {
  function read(fields: object): object {
    const step = { kind: 'tool', id: 'a', name: 'f', status: 'ok', ...fields };
    return normalise({ schema: 1, transcript: { steps: [step] } })!.transcript.steps[0]!;
  }

  it('keeps its place and what it showed, within bounds', () => {
    const shown = Array.from({ length: 100 }, () => ({ type: 'text', text: 'x' }));
    const step = read({ place: 'kernel', shown: [...shown, 3] }) as { shown: unknown[] };
    expect(step).toMatchObject({ place: 'kernel' });
    expect(step.shown).toHaveLength(50);
  });

  it.each([{ place: 'elsewhere', shown: [] }, { place: { a: 1 } }, { shown: [{ type: 'text' }] }])(
    'takes no other place: %j',
    fields => {
      expect(read(fields)).not.toHaveProperty('place');
      expect(read(fields)).not.toHaveProperty('shown');
    }
  );
});
