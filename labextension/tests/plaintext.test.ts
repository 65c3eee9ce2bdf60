import type { IToolStep } from '../src/model';
import {
  bytes,
  capped,
  count,
  dollars,
  duration,
  json,
  MAX_TEXT,
  summary,
  visible
} from '../src/plaintext';

function call(
  name: string,
  input: Record<string, unknown>,
  server: string | null = null
): IToolStep {
  return { kind: 'tool', id: 'c', name, server, input, status: 'ok', output: [], seconds: null };
}

describe('summary', () => {
  it.each([
    [call('bash', { command: '  cd /tmp\n\n  ls   -l ' }), 'cd /tmp ls -l'],
    [call('write', { file_path: 'a.txt', content: 'x' }), 'a.txt'],
    [call('grep', { pattern: 'x y', path: 'src' }), 'x y src'],
    [call('web_fetch', { url: 'https://example.org' }), 'https://example.org'],
    [call('chart', { kind: 'bar', n: 3 }), '{"kind":"bar","n":3}'],
    [call('bash', { command: 'ls' }, 'shells'), '{"command":"ls"}'],
    [call('bash', { command: 7 }), '{"command":7}'],
    [call('noop', {}), '']
  ])('%#', (step, wanted) => {
    expect(summary(step)).toBe(wanted);
  });

  it('is one bounded line', () => {
    const line = summary(call('bash', { command: 'echo '.repeat(100_000) }));
    expect(line.length).toBeLessThan(200);
    expect(line.endsWith('…')).toBe(true);
  });

  it('shows what would disguise a command', () => {
    expect(summary(call('bash', { command: 'rm \u202e txt.a \u0007' }))).toBe(
      'rm \\u202e txt.a \\u0007'
    );
  });
});

describe('visible', () => {
  it('keeps text, tabs, newlines and emoji', () => {
    expect(visible('a\tb\r\nc é 👩 ß')).toBe('a\tb\nc é 👩 ß');
    expect(visible('10%\r100%\n\u001b[1;31mred\u001b[0m')).toBe('10%\n100%\nred');
  });
});

describe('json', () => {
  it('is plain JSON for a plain value', () => {
    const value = { a: [1, 'x', null, true], b: { c: {} } };
    expect(json(value)).toBe(JSON.stringify(value, null, 2));
  });

  it('ends at a depth', () => {
    let value: unknown = 1;
    for (let n = 0; n < 5_000; n++) {
      value = [value];
    }
    expect(json(value, 0)).toBe('[[[[[[[["…"]]]]]]]]');
  });

  it.each([
    Object.fromEntries(Array.from({ length: 500_000 }, (_, n) => [`k${n}`, n])),
    Array.from({ length: 500_000 }, () => ({ a: 1 })),
    { text: 'x'.repeat(10_000_000) },
    { ['k'.repeat(1_000_000)]: 1 }
  ])('ends at a size, %#', value => {
    expect(json(value).length).toBeLessThan(60_000);
  });

  it('keeps a key that names the prototype a key', () => {
    expect(json(JSON.parse('{"__proto__":{"x":1}}'), 0)).toBe('{"__proto__":{"x":1}}');
  });
});

test('capped', () => {
  expect(capped('abc')).toEqual({ shown: 'abc', omitted: 0 });
  expect(capped('x'.repeat(MAX_TEXT + 7))).toEqual({ shown: 'x'.repeat(MAX_TEXT), omitted: 7 });
});

test.each([
  [0, '0 ms'],
  [0.012, '12 ms'],
  [0.25, '0.3 s'],
  [9.9, '9.9 s'],
  [59.4, '59 s'],
  [59.6, '1 min 00 s'],
  [185, '3 min 05 s']
])('duration of %d', (given, wanted) => expect(duration(given)).toBe(wanted));

test.each([
  [0, '0'],
  [999, '999'],
  [1200, '1.2k'],
  [123_456, '123k'],
  [1_250_000, '1.3M']
])('count of %d', (given, wanted) => expect(count(given)).toBe(wanted));

test.each([
  [0, '<$0.01'],
  [0.01, '$0.01'],
  [0.05, '$0.05'],
  [12.345, '$12.35']
])('dollars of %d', (given, wanted) => expect(dollars(given)).toBe(wanted));

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1234, '1.2 kB'],
  [45_600_000, '46 MB']
])('bytes of %d', (given, wanted) => expect(bytes(given)).toBe(wanted));
