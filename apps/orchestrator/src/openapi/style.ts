/** Of /docs: light and dark, narrow and wide, no font that is not there already. */
export const style = `
:root { color-scheme: light dark; --line: #8884; --soft: light-dark(#f4f5f7, #1d2126); --link: light-dark(#0b57d0, #8ab4f8); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; }
a { color: var(--link); }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
code, pre { font: 0.85rem/1.5 ui-monospace, monospace; }
pre { margin: 0.25rem 0; padding: 0.75rem; overflow-x: auto; background: var(--soft); border-radius: 0.4rem; }
nav ul { padding: 0; list-style: none; columns: 22rem; }
nav li { margin: 0.1rem 0; break-inside: avoid; }
details { margin: 0.5rem 0; border: 1px solid var(--line); border-radius: 0.4rem; }
details > :not(summary) { margin-inline: 1rem; }
summary { padding: 0.5rem 0.75rem; cursor: pointer; }
details[open] > summary { border-bottom: 1px solid var(--line); }
summary b { display: inline-block; min-width: 3.2rem; }
table { width: calc(100% - 2rem); border-collapse: collapse; }
th, td { padding: 0.3rem 0.6rem 0.3rem 0; text-align: start; vertical-align: top; border-top: 1px solid var(--line); }
@media (max-width: 40rem) { summary span { display: block; } }
`;
