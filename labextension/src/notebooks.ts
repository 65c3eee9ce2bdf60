/** The notebooks that are open in this page, as far as an output has to know its own; the plugin tells. */

/** The part of a document's model that is looked at. */
export interface IDocument {
  dirty: boolean;
}

const open = new Map<string, IDocument>();

/** Called when a notebook is opened, or got another path. */
export function opened(path: string, document: IDocument): void {
  closed(document);
  open.set(path, document);
}

export function closed(document: IDocument): void {
  for (const [path, known] of open) {
    if (known === document) {
      open.delete(path);
    }
  }
}

/** Makes a change that is no reason to save the notebook at `path`. */
export function unmarked(path: string, change: () => void): void {
  const document = open.get(path);
  const dirty = document?.dirty ?? true;
  change();
  if (document && !dirty) {
    document.dirty = false;
  }
}
