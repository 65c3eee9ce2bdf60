import { ROWS, tableHead } from '../src/tables';

describe('a table head', () => {
  it.each<[string, string | null, string[], string[][]]>([
    ['a,b\n1,2\n', null, ['a', 'b'], [['1', '2']]],
    ['a;b\r\n1,5;2\r\n', null, ['a', 'b'], [['1,5', '2']]],
    ['a\tb\n1\t2\n', '\t', ['a', 'b'], [['1', '2']]],
    ['\ufeffa,"b\nc"\n"x, ""y""",é', null, ['a', 'b c'], [['x, "y"', 'é']]],
    ['a\n', null, ['a'], []],
    ['a,b\n1\n\n1,2,3\n', null, ['a', 'b'], [['1'], ['1', '2', '3']]]
  ])('of %j', (source, delimiter, columns, rows) => {
    const wanted = { type: 'table', columns, rows, more: false };
    expect(tableHead(source, delimiter, false)).toEqual(wanted);
  });

  it.each(['', '\n\n', 'a,b\u0000c'])('of %j is none', source => {
    expect(tableHead(source, null, false)).toBeNull();
  });

  it('is bounded, and says that there is more', () => {
    const long = tableHead('a,b\n' + '1,2\n'.repeat(10_000), null, false);
    expect([long!.rows.length, long!.more]).toEqual([ROWS, true]);
    const wide = tableHead('y'.repeat(5000) + '\n' + ','.repeat(500), null, false);
    expect([wide!.columns[0]!.length, wide!.rows[0]!.length]).toEqual([80, 20]);
  });

  it('leaves a row that was cut out', () => {
    expect(tableHead('a,b\n1,2\n3,', null, true)).toMatchObject({ rows: [['1', '2']], more: true });
  });
});
