import { readdirSync, readFileSync } from 'fs';
import { join } from 'path';

import type { IEvent } from '../src/fold';
import { Fold, fold } from '../src/fold';
import type { ITranscript } from '../src/model';

interface IExample {
  about: string;
  events: IEvent[];
  transcript: ITranscript;
}

const folder = join(__dirname, '..', '..', 'tests', 'transcripts');

const examples: [string, IExample][] = readdirSync(folder)
  .filter(name => name.endsWith('.json'))
  .map(name => [name, JSON.parse(readFileSync(join(folder, name), 'utf8')) as IExample]);

describe('the shared examples', () => {
  it('are there', () => {
    expect(examples.length).toBeGreaterThanOrEqual(16);
  });

  it.each(examples)('%s', (_, example) => {
    expect(fold(example.events)).toEqual(example.transcript);
  });

  it.each(examples)('%s, every event twice', (_, example) => {
    const previews = /^event_/;
    const twice = example.events.flatMap(event =>
      previews.test(String(event.type)) ? [event] : [event, event]
    );
    expect(fold(twice)).toEqual(example.transcript);
  });
});

describe('Fold', () => {
  const events = examples.find(([name]) => name === 'tool-ok.json')![1].events;

  it('keeps an unchanged step the same object', () => {
    const state = new Fold();
    events.slice(0, 7).forEach(event => state.push(event));
    const before = state.transcript;
    events.slice(7).forEach(event => state.push(event));
    expect(state.transcript).not.toBe(before);
    expect(state.transcript.steps[0]).toBe(before.steps[0]);
  });

  it('tells when it began and when it ended', () => {
    const state = new Fold();
    state.push(events[0]!);
    expect([state.begun, state.ended]).toEqual([false, false]);
    state.push(events[2]!);
    expect([state.begun, state.ended]).toEqual([true, false]);
    events.forEach(event => state.push(event));
    expect([state.begun, state.ended]).toEqual([true, true]);
  });

  it.each([
    { type: 'user.message', id: 7, processed_at: 'today', content: null },
    { type: 'agent.message', id: 'a', content: [null, 3, { type: 'text' }] },
    { type: 'agent.tool_use', id: 'b', name: {}, input: [] },
    { type: 'event_delta', event_id: 'a', delta: { index: 1e9 } },
    { type: 'session.status_idle', stop_reason: 'end_turn' },
    { type: 'session.error', error: [] },
    {}
  ])('survives a malformed event: %j', event => {
    const begin = events.slice(0, 3);
    expect(() => fold([...begin, event, ...events.slice(3)])).not.toThrow();
  });
});
