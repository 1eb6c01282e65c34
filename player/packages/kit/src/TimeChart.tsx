import { Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useRef, useState } from 'react';
import type uPlot from 'uplot';
import { locale, momentText } from '@weir/client/format.ts';
import 'uplot/dist/uPlot.min.css';

/** Values over time; null where nothing is known. */
export interface Line {
  name: string;
  values: readonly (number | null)[];
  /** A colour token: `accent`, `live`, `warn`, `ok`, `ink-soft`. */
  colour?: string;
}

interface Props {
  label: string;
  /** Seconds since 1970, ascending. */
  times: readonly number[];
  lines: readonly Line[];
  format: (value: number) => string;
  height?: number;
  /** Bars instead of a line: sums of days. */
  bars?: boolean;
}

const ROWS = 200;

/** A chart with axes; the same figures as a table behind it, for those who read or hear them. */
export function TimeChart(props: Props) {
  const { t } = useLingui();
  const [table, setTable] = useState(false);
  const { label, times, lines, format } = props;
  return (
    <figure className="m-0 grid grid-cols-[minmax(0,1fr)] gap-1" aria-label={label}>
      {table ? <Figures {...props} /> : times.length < 2 ? <p className="grid min-h-28 place-items-center text-sm text-soft"><Trans>Not enough figures yet for a chart.</Trans></p> : <Canvas {...props} />}
      <figcaption className="flex flex-wrap items-center justify-between gap-2 text-[13px] text-soft">
        <span className="flex flex-wrap gap-x-4">
          {lines.map((line) => (
            <span key={line.name} className="inline-flex items-center gap-1.5">
              <span className="size-2.5 rounded-full" style={{ backgroundColor: `var(--${line.colour ?? 'accent'})` }} aria-hidden />
              {line.name}{' '}<b className="font-semibold text-ink tabular-nums">{shown(line.values.at(-1), format)}</b>
            </span>
          ))}
        </span>
        <button type="button" className="underline underline-offset-2" onClick={() => setTable(!table)}>{table ? t`Show the chart` : t`Show as a table`}</button>
      </figcaption>
    </figure>
  );
}

function shown(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '–' : format(value);
}

function Figures({ label, times, lines, format }: Props) {
  const first = Math.max(0, times.length - ROWS);
  return (
    <div className="max-h-64 overflow-auto">
      <table className="w-full text-sm" aria-label={label}>
        <thead><tr className="text-soft"><th className="text-start"><Trans>Time</Trans></th>{lines.map(({ name }) => <th key={name} className="text-end">{name}</th>)}</tr></thead>
        <tbody>
          {times.slice(first).map((time, index) => (
            <tr key={time} className="border-t border-line">
              <th scope="row" className="py-1 text-start font-normal">{momentText(new Date(time * 1000).toISOString())}</th>
              {lines.map(({ name, values }) => <td key={name} className="text-end tabular-nums">{shown(values[first + index], format)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Canvas({ label, times, lines, format, height = 180, bars = false }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const shape = `${bars} ${height} ${lines.map(({ name, colour }) => `${name}:${colour ?? ''}`).join()}`;
  const latest = useRef({ times, lines, format });
  useEffect(() => {
    latest.current = { times, lines, format };
    chart.current?.setData([times, ...lines.map(({ values }) => values)] as uPlot.AlignedData);
  }, [times, lines, format]);
  useEffect(() => {
    const node = place.current;
    if (node === null) return;
    let over = false;
    const follow = new ResizeObserver(() => chart.current?.setSize({ width: node.clientWidth, height }));
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const paint = () => chart.current?.redraw();
    void import('uplot').then(({ default: Plot }) => {
      if (over) return;
      const now = latest.current;
      chart.current = new Plot(options(Plot, node, height, bars, latest), [now.times, ...now.lines.map(({ values }) => values)] as uPlot.AlignedData, node);
      follow.observe(node);
      scheme.addEventListener('change', paint);
    });
    return () => {
      over = true;
      follow.disconnect();
      scheme.removeEventListener('change', paint);
      chart.current?.destroy();
      chart.current = null;
    };
  }, [shape, height, bars]);
  return <div ref={place} className="min-w-0 overflow-hidden" role="img" aria-label={label} dir="ltr" style={{ minHeight: height }} />;
}

function options(Plot: typeof uPlot, node: HTMLElement, height: number, bars: boolean, latest: { current: Pick<Props, 'lines' | 'format'> }): uPlot.Options {
  const colour = (name: string) => () => resolved(node, name);
  const axis = { stroke: colour('ink-soft'), grid: { stroke: colour('line'), width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' };
  const { lines, format } = latest.current;
  return {
    width: Math.max(1, node.clientWidth),
    height,
    legend: { show: false },
    cursor: { y: false },
    scales: { y: { range: (_chart, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [{ ...axis, values: (_chart, ticks) => ticks.map((tick, index) => tickText(tick, (ticks[1] ?? tick) - (ticks[0] ?? tick), index)) }, { ...axis, size: 64, values: (_chart, ticks) => ticks.map((tick) => format(tick)) }],
    series: [{}, ...lines.map(({ colour: own = 'accent' }) => ({
      stroke: colour(own), width: 1.6, points: { show: false }, fill: () => faint(resolved(node, own)),
      ...(bars && Plot.paths.bars !== undefined ? { paths: Plot.paths.bars({ size: [0.7, 40] }) } : {}),
    }))],
  };
}

/** A day where ticks are days apart, else the time of day. */
function tickText(seconds: number, step: number, index: number): string {
  const moment = new Date(seconds * 1000);
  if (step >= 86_400) return moment.toLocaleDateString(locale(), { day: 'numeric', month: 'short' });
  const time = moment.toLocaleTimeString(locale(), { hour: '2-digit', minute: '2-digit', ...(step < 60 ? { second: '2-digit' } : {}) });
  return index === 0 || time === '00:00' ? `${time}\n${moment.toLocaleDateString(locale(), { day: 'numeric', month: 'short' })}` : time;
}

/** A token's colour as the canvas takes it: `light-dark()` is resolved by the browser. */
function resolved(node: HTMLElement, token: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${token})`;
  node.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function faint(colour: string): string {
  return colour.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.14)');
}
