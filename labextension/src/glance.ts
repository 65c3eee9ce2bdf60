/**
 * What a produced file looks like, read from the server that listed it: a picture or a table's first rows.
 *
 * Only files that the server itself named for the session are read, never an address that a notebook holds.
 */

import { isRelative } from './footer';
import type { IProducedFile, Preview } from './model';
import { HEAD_BYTES, tableHead } from './tables';

export const PREVIEWS = 8;
export const PICTURE_BYTES = 5_000_000;

/** Reads the first bytes of a file below the server's root; null where it cannot be had. */
export type ReadHead = (path: string, limit: number, signal: AbortSignal) => Promise<Blob | null>;

const PICTURE = /\.(png|jpe?g|gif|webp|svg)$/i;
const TABLE = /\.(csv|tsv|tab)$/i;

/** The files with previews where there can be one; eight at most. */
export async function withPreviews(
  files: readonly IProducedFile[],
  read: ReadHead,
  signal: AbortSignal
): Promise<IProducedFile[]> {
  const made: IProducedFile[] = [];
  let left = PREVIEWS;
  for (const file of files) {
    const preview = left > 0 ? await previewOf(file, read, signal).catch(() => null) : null;
    left -= preview ? 1 : 0;
    made.push(preview ? { ...file, preview } : file);
  }
  return made;
}

async function previewOf(
  file: IProducedFile,
  read: ReadHead,
  signal: AbortSignal
): Promise<Preview | null> {
  if (file.url === null || !isRelative(file.url)) {
    return null;
  }
  if (PICTURE.test(file.path) && (file.size ?? 0) <= PICTURE_BYTES) {
    const data = await read(file.url, PICTURE_BYTES, signal);
    return data && data.size <= PICTURE_BYTES ? picture(data, file.path) : null;
  }
  if (TABLE.test(file.path)) {
    const data = await read(file.url, HEAD_BYTES, signal);
    const cut = data !== null && data.size > HEAD_BYTES;
    const delimiter = /\.csv$/i.test(file.path) ? null : '\t';
    return data && tableHead(await data.slice(0, HEAD_BYTES).text(), delimiter, cut);
  }
  return null;
}

async function picture(data: Blob, path: string): Promise<Preview | null> {
  const type = mediaType(new Uint8Array(await data.slice(0, 16).arrayBuffer()), path);
  return type === null ? null : { type: 'image', media_type: type, data: await base64(data) };
}

/** What picture begins with these bytes; an SVG is text, so its name has to tell. */
function mediaType(head: Uint8Array, path: string): string | null {
  const letters = String.fromCharCode(...head);
  if (letters.startsWith('\u0089PNG\r\n')) {
    return 'image/png';
  }
  if (letters.startsWith('\u00ff\u00d8\u00ff')) {
    return 'image/jpeg';
  }
  if (/^GIF8[79]a/.test(letters)) {
    return 'image/gif';
  }
  if (/^RIFF[^]{4}WEBP/.test(letters)) {
    return 'image/webp';
  }
  return /\.svg$/i.test(path) && /^\s*</.test(letters.replace(/^\u00ef\u00bb\u00bf/, ''))
    ? 'image/svg+xml'
    : null;
}

async function base64(data: Blob): Promise<string> {
  const address = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error('The file could not be read.'));
    reader.readAsDataURL(data);
  });
  return address.slice(address.indexOf(',') + 1);
}
