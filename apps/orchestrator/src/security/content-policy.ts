import type { MiddlewareHandler } from 'hono';

/** Own files only: no inline script or style, no frame, no form that leads elsewhere. It works without any network but ours. */
const strict = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Bull Board styles itself by elements that it makes, and has a base address. Fonts are its own or the system's. */
const board = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Content-Security-Policy on every answer. An answer that brings its own keeps it. */
export const guardContent: MiddlewareHandler = async (context, next) => {
  await next();
  if (context.res.headers.has('Content-Security-Policy')) return;
  const isBoard = /^\/queues(?:\/|$)/.test(context.req.path);
  context.res.headers.set('Content-Security-Policy', isBoard ? board : strict);
};
