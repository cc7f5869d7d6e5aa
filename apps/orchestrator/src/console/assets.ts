import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Hono } from 'hono';
import { ProblemError } from '../problem.ts';

const { resolve } = createRequire(import.meta.url);
const own = (name: string): URL => new URL(`static/${name}`, import.meta.url);

/** Everything that a page of the console loads. Nothing comes from elsewhere. */
const files = {
  'console.css': { path: own('console.css'), type: 'text/css; charset=utf-8' },
  'docs.css': { path: own('docs.css'), type: 'text/css; charset=utf-8' },
  'console.js': { path: own('console.js'), type: 'text/javascript; charset=utf-8' },
  'morph.js': { path: own('morph.js'), type: 'text/javascript; charset=utf-8' },
  'charts.js': { path: own('charts.js'), type: 'text/javascript; charset=utf-8' },
  'icon.svg': { path: own('icon.svg'), type: 'image/svg+xml' },
  'uplot.js': {
    path: resolve('uplot/dist/uPlot.iife.min.js'),
    type: 'text/javascript; charset=utf-8',
  },
  'uplot.css': { path: resolve('uplot/dist/uPlot.min.css'), type: 'text/css; charset=utf-8' },
} as const;
export type AssetName = keyof typeof files;

const assets = new Map(
  Object.entries(files).map(([name, { path, type }]) => {
    const body = readFileSync(path);
    const tag = createHash('sha256').update(body).digest('base64url').slice(0, 16);
    return [name, { body, type, tag }] as const;
  }),
);

/** Where an asset is found. The address changes with the content, so it can be kept for ever. */
export const assetUrl = (name: AssetName): string => `/assets/${name}?v=${assets.get(name)!.tag}`;

export function assetRoutes(): Hono {
  return new Hono().get('/assets/:name', ({ req, body }) => {
    const asset = assets.get(req.param('name'));
    if (!asset) throw new ProblemError(404, 'NOT_FOUND', `there is nothing at ${req.path}`);
    const isCurrent = req.query('v') === asset.tag;
    return body(asset.body, 200, {
      'Content-Type': asset.type,
      'Cache-Control': isCurrent ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
  });
}
