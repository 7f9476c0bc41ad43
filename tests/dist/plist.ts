/**
 * Reads a property list, strictly: the few elements that Apple's DTD has, each opened and closed.
 *
 * Only plutil(1) can say that macOS takes a file, and it is not here; what is no XML, or no property list, is found.
 *
 * @module
 */

/** A value of a property list. */
export type Plist = string | number | boolean | readonly Plist[] | {
  readonly [key: string]: Plist;
};

const HEADER =
  /^<\?xml version="1\.0" encoding="UTF-8"\?>\s*<!DOCTYPE plist PUBLIC "-\/\/Apple\/\/DTD PLIST 1\.0\/\/EN" "[^"]*">/;
/** A comment, a tag, or text between tags. Two dashes end a comment, so there are none within. */
const TOKEN = /\s*(?:(<!--(?:(?!--)[^])*-->)|(<\/?[a-z]+(?: version="1\.0")?\/?>)|([^<]+))/y;

/** @throws Error that says what was found instead */
export function readPlist(text: string): Plist {
  const header = HEADER.exec(text);
  if (header === null) throw new Error("no property list: another XML header or document type");
  const reader = new Reader(text, header[0].length);
  reader.expect('<plist version="1.0">');
  const value = reader.value(reader.next());
  reader.expect("</plist>");
  reader.end();
  return value;
}

class Reader {
  readonly #text: string;
  #at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  /** The next tag or text, comments skipped. */
  next(): string {
    for (;;) {
      TOKEN.lastIndex = this.#at;
      const found = TOKEN.exec(this.#text);
      if (found === null) throw new Error(`no XML at ${JSON.stringify(this.#rest())}`);
      this.#at = TOKEN.lastIndex;
      if (found[1] === undefined) return found[2] ?? found[3];
    }
  }

  expect(token: string): void {
    const found = this.next();
    if (found !== token) throw new Error(`${found} where ${token} is due`);
  }

  end(): void {
    if (this.#text.slice(this.#at).trim() !== "") throw new Error(`more: ${this.#rest()}`);
  }

  value(tag: string): Plist {
    switch (tag) {
      case "<true/>":
        return true;
      case "<false/>":
        return false;
      case "<string>":
        return this.#content("string");
      case "<integer>":
        return this.#integer();
      case "<array>":
        return this.#until("</array>", (tag) => this.value(tag));
      case "<dict>":
        return this.#dict();
      default:
        throw new Error(`${tag} is no value of a property list`);
    }
  }

  #integer(): number {
    const text = this.#content("integer");
    if (!/^-?\d+$/.test(text)) throw new Error(`"${text}" is no integer`);
    return Number(text);
  }

  #dict(): Plist {
    const entries = this.#until("</dict>", (tag): [string, Plist] => {
      if (tag !== "<key>") throw new Error(`${tag} where a key is due`);
      return [this.#content("key"), this.value(this.next())];
    });
    const dict = Object.fromEntries(entries);
    if (Object.keys(dict).length !== entries.length) throw new Error("a key is there twice");
    return dict;
  }

  #until<T>(end: string, item: (tag: string) => T): T[] {
    const items: T[] = [];
    for (let tag = this.next(); tag !== end; tag = this.next()) items.push(item(tag));
    return items;
  }

  #content(name: string): string {
    const text = this.next();
    if (text.startsWith("<")) throw new Error(`${text} where text is due`);
    if (/&(?!(amp|lt|gt|quot|apos);)/.test(text)) throw new Error(`a bare & in "${text}"`);
    this.expect(`</${name}>`);
    return text;
  }

  #rest(): string {
    return this.#text.slice(this.#at, this.#at + 40);
  }
}
