import { createHmac, timingSafeEqual } from 'node:crypto';

/** Hours after which a browser has to show its token again. */
export const sessionHours = 12;
export const sessionCookie = 'rops_session';

/** What a browser keeps instead of the token: until when it may come in, and a proof that it once had a token. */
export interface Sessions {
  /** The cookie's value; undefined where the token is not known. */
  open(token: string): string | undefined;
  isOpen(value: string): boolean;
}

/** No state: whoever knows the tokens can check it, and it ends with its token. */
export function createSessions(tokens: string[], clock: () => number = Date.now): Sessions {
  return {
    open(token) {
      const known = tokens.find((one) => isEqual(one, token));
      if (known === undefined) return undefined;
      const until = String(clock() + sessionHours * 3_600_000);
      return `${until}.${proofOf(known, until)}`;
    },
    isOpen(value) {
      const [, until, proof] = /^(\d{1,15})\.([\w-]{43})$/.exec(value) ?? [];
      if (until === undefined || proof === undefined || Number(until) < clock()) return false;
      return tokens.filter((token) => isEqual(proofOf(token, until), proof)).length > 0;
    },
  };
}

const proofOf = (token: string, until: string): string =>
  createHmac('sha256', token).update(`console session until ${until}`).digest('base64url');

/** The time taken tells nothing of the texts. */
function isEqual(one: string, other: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
