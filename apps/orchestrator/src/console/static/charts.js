// @ts-check

/** Draws what `data-series` holds: times in seconds, and a value a line for each. Again whenever it has changed. */
(() => {
  const height = 190;
  /** @type {WeakMap<Element, { plot: any, drawn: string }>} */
  const plots = new WeakMap();

  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
  const shortClock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

  /**
   * @param {unknown} _
   * @param {number | null} seconds since 1970
   */
  const timeText = (_, seconds) => (seconds === null ? '--' : clock.format(seconds * 1_000));

  /**
   * @param {unknown} _
   * @param {number[]} times in seconds since 1970
   */
  const textsOf = (_, times) =>
    times.map((at) => (at % 60 === 0 ? shortClock.format(at * 1_000) : `:${at % 60}`));

  const draw = () => {
    for (const element of document.querySelectorAll('[data-series]'))
      drawOne(/** @type {HTMLElement} */ (element));
  };

  /** @param {HTMLElement} element */
  function drawOne(element) {
    const series = element.dataset['series'] ?? '[]';
    const known = plots.get(element);
    const data = JSON.parse(series);
    if (known?.drawn === series) return;
    if (known) known.plot.setData(data);
    const plot = known?.plot ?? make(element, data);
    plots.set(element, { plot, drawn: series });
  }

  /**
   * @param {HTMLElement} element
   * @param {unknown[]} data
   */
  function make(element, data) {
    const style = getComputedStyle(element);
    const color = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const names = JSON.parse(element.dataset['lines'] ?? '[]');
    const grid = { stroke: color('--line'), width: 1 };
    const axis = { stroke: color('--quiet'), font: '12px system-ui', grid, ticks: grid };
    const looks = [
      { stroke: color('--accent'), width: 2, fill: color('--accent-faint') },
      { stroke: color('--warn'), width: 2, dash: [6, 4] },
    ];
    // @ts-expect-error uPlot is a script of its own
    return new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height,
        cursor: { drag: { x: false, y: false } },
        scales: {
          y: {
            range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ most) => [
              0,
              Math.max(most ?? 0, 0.001) * 1.1,
            ],
          },
        },
        axes: [
          { ...axis, values: textsOf },
          { ...axis, size: 52 },
        ],
        series: [
          { value: timeText },
          ...names.map((/** @type {string} */ label, /** @type {number} */ index) => ({
            label,
            ...looks[index],
            spanGaps: true,
            points: { show: true, size: 4 },
          })),
        ],
      },
      data,
      element,
    );
  }

  const fit = () => {
    for (const element of document.querySelectorAll('[data-series]'))
      plots.get(element)?.plot.setSize({ width: Math.max(200, element.clientWidth), height });
  };
  const drawAnew = () => {
    for (const element of document.querySelectorAll('[data-series]')) {
      plots.get(element)?.plot.destroy();
      plots.delete(element);
    }
    draw();
  };

  document.addEventListener('DOMContentLoaded', draw);
  document.addEventListener('console:shown', draw);
  window.addEventListener('resize', fit);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAnew);
})();
