/** The first rows of a delimited text; the twin of jupyter_agents/kernel/tables.py. */

import type { ITablePreview } from './model';

export const ROWS = 10;
export const COLUMNS = 20;
const LETTERS = 80;

/** How many bytes of a table's file are read. */
export const HEAD_BYTES = 65_536;

/**
 * @param source - the file's beginning.
 * @param delimiter - null where the first line has to tell.
 * @param cut - whether the file goes on.
 */
export function tableHead(
  source: string,
  delimiter: string | null,
  cut: boolean
): ITablePreview | null {
  const whole = cut ? source.slice(0, source.lastIndexOf('\n') + 1) : source;
  const text = whole.replace(/^\ufeff/, '');
  if (text.includes('\u0000')) {
    return null;
  }
  const rows = records(text, delimiter ?? likeliest(text), ROWS + 2).filter(row => row.length > 0);
  const [names, ...values] = rows;
  return names
    ? {
        type: 'table',
        columns: names.slice(0, COLUMNS).map(cell),
        rows: values.slice(0, ROWS).map(row => row.slice(0, COLUMNS).map(cell)),
        more: cut || values.length > ROWS || names.length > COLUMNS
      }
    : null;
}

function likeliest(text: string): string {
  const first = text.split('\n', 1)[0] ?? '';
  const counts = [',', ';', '\t', '|'].map(mark => [first.split(mark).length, mark] as const);
  return counts.reduce((best, next) => (next[0] > best[0] ? next : best))[1];
}

/** At most `most` records; quotes hold delimiters, line ends and doubled quotes. */
function records(text: string, delimiter: string, most: number): string[][] {
  const found: string[][] = [];
  let [row, value, quoted]: [string[], string, boolean] = [[], '', false];
  const close = (): void => {
    found.push(row.length || value ? [...row, value] : []);
    [row, value] = [[], ''];
  };
  for (let at = 0; at < text.length && found.length < most; at++) {
    const letter = text[at]!;
    if (quoted) {
      if (letter === '"' && text[at + 1] === '"') {
        value += letter;
        at += 1;
      } else if (letter === '"') {
        quoted = false;
      } else {
        value += letter;
      }
    } else if (letter === '"' && value === '') {
      quoted = true;
    } else if (letter === delimiter) {
      row.push(value);
      value = '';
    } else if (letter === '\n') {
      close();
    } else if (letter !== '\r') {
      value += letter;
    }
  }
  if (found.length < most && (row.length || value)) {
    close();
  }
  return found;
}

function cell(value: string): string {
  const line = value.trim().replace(/\s+/g, ' ');
  return line.length > LETTERS ? line.slice(0, LETTERS - 1) + '…' : line;
}
