import type { UsageDay } from './api';
import { dayText } from './days';

const [HEIGHT, STEP, GAP] = [88, 10, 3];

interface Props {
  title: string;
  total: string;
  days: readonly UsageDay[];
  of: (day: UsageDay) => number;
  words: (figure: number) => string;
}

/** One figure by day. A bar's title names its day; the list below it is for screen readers. */
export function Bars({ title, total, days, of, words }: Props) {
  const most = Math.max(...days.map(of), 0);
  const told = (day: UsageDay) => `${dayText(day.day)}: ${words(of(day))}`;
  return (
    <figure className="box chart">
      <figcaption><span className="soft">{title}</span><strong>{total}</strong></figcaption>
      <svg viewBox={`0 0 ${days.length * STEP} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {days.map((day, index) => {
          const tall = most === 0 ? 0 : Math.max(of(day) > 0 ? 2 : 0, (of(day) / most) * HEIGHT);
          return (
            <g key={day.day}>
              <rect className="bar-ground" x={index * STEP} y={0} width={STEP} height={HEIGHT}><title>{told(day)}</title></rect>
              <rect className="bar" x={index * STEP + GAP / 2} y={HEIGHT - tall} width={STEP - GAP} height={tall} rx={1.5} />
            </g>
          );
        })}
      </svg>
      <div className="chart-ends soft" aria-hidden="true"><span>{dayText(days[0]?.day ?? '')}</span><span>{dayText(days.at(-1)?.day ?? '')}</span></div>
      <ul className="only-heard">{days.filter((day) => of(day) > 0).map((day) => <li key={day.day}>{told(day)}</li>)}</ul>
    </figure>
  );
}
