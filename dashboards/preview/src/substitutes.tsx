// Panels that no npm package exports, drawn by hand; their colours and texts are still those of @grafana/data.
import { DataFrame, Field, FieldType, formattedValueToString, getValueFormat } from "@grafana/data";
import { useTheme2 } from "@grafana/ui";
import { PanelProps } from "./panels";

const AXIS = 24;
const NAMES = 150;
const TICKS = 6;

function timeAxis(from: number, to: number, left: number, width: number, top: number, color: string) {
  return Array.from({ length: TICKS + 1 }, (_, i) => {
    const at = new Date(from + ((to - from) * i) / TICKS);
    const text = to - from > 2 * 86_400_000 ? at.toISOString().slice(5, 10) : at.toISOString().slice(11, 16);
    const anchor = i === 0 ? "start" : i === TICKS ? "end" : "middle";
    return <text key={i} x={left + (width * i) / TICKS} y={top} fill={color} fontSize={12} textAnchor={anchor}>{text}</text>;
  });
}

export function HeatMap({ panel, frames, range, width, height }: PanelProps) {
  const theme = useTheme2();
  const frame = frames[0];
  const times: number[] = frame.fields[0].values;
  const rows = frame.fields.slice(1);
  const most = Math.max(...rows.flatMap((row) => row.values as number[]), 1e-9);
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const [left, high] = [60, height - AXIS];
  const plot = width - left - 8;
  const step = times.length > 1 ? times[1] - times[0] : to - from;
  const unit = getValueFormat(panel.options?.yAxis?.unit ?? panel.fieldConfig?.defaults?.unit ?? "s");
  const x = (at: number) => left + (plot * (Math.max(at, from) - from)) / (to - from);
  const row = high / rows.length;
  const every = Math.ceil(16 / row);
  return (
    <svg width={width} height={height}>
      {rows.map((field, j) => {
        const y = high - (j + 1) * row;
        const edge = field.name === "+Inf" ? "+Inf" : formattedValueToString(unit(Number(field.name)));
        return (
          <g key={field.name}>
            {j % every === 0 && <text x={left - 6} y={y + row / 2 + 4} fontSize={12} textAnchor="end" fill={theme.colors.text.secondary}>{edge}</text>}
            {(field.values as number[]).map((value, i) =>
              value > 0 ? (
                <rect key={i} x={x(times[i] - step)} y={y} width={Math.max(1, x(times[i]) - x(times[i] - step))} height={Math.max(1, row - 1)}
                  fill={theme.visualization.getColorByName("orange")} opacity={0.15 + 0.85 * Math.sqrt(value / most)} />
              ) : null,
            )}
          </g>
        );
      })}
      {timeAxis(from, to, left, plot, height - 6, theme.colors.text.secondary)}
    </svg>
  );
}

export function StateTimeline({ frames, range, width, height }: PanelProps) {
  const theme = useTheme2();
  const rows = frames.flatMap((frame) => lanes(frame));
  const [from, to] = [range.from.valueOf(), range.to.valueOf()];
  const plot = width - NAMES - 8;
  const lane = (height - AXIS) / Math.max(1, rows.length);
  const x = (at: number) => NAMES + (plot * (Math.max(at, from) - from)) / (to - from);
  return (
    <svg width={width} height={height}>
      {rows.map(({ name, field, spans }, j) => (
        <g key={name + j}>
          <text x={NAMES - 8} y={j * lane + lane / 2 + 4} fontSize={12} textAnchor="end" fill={theme.colors.text.primary}>{name}</text>
          {spans.map(({ start, end, value }, i) => {
            const shown = field.display!(value);
            const text = formattedValueToString(shown);
            const wide = x(end) - x(start);
            return (
              <g key={i}>
                <rect x={x(start)} y={j * lane + 3} width={Math.max(1, wide)} height={Math.max(4, lane - 6)} fill={shown.color} opacity={0.85} rx={2} />
                {wide > text.length * 8 && (
                  <text x={x(start) + 6} y={j * lane + lane / 2 + 4} fontSize={12} fill={theme.colors.getContrastText(shown.color ?? "#000")}>{text}</text>
                )}
              </g>
            );
          })}
        </g>
      ))}
      {timeAxis(from, to, NAMES, plot, height - 6, theme.colors.text.secondary)}
    </svg>
  );
}

interface Span { start: number; end: number; value: number }

function lanes(frame: DataFrame): { name: string; field: Field; spans: Span[] }[] {
  const times: number[] = frame.fields.find((field) => field.type === FieldType.time)!.values;
  const step = times.length > 1 ? Math.min(...times.slice(1).map((at, i) => at - times[i])) : 60_000;
  return frame.fields.filter((field) => field.type === FieldType.number).map((field) => ({
    name: field.config.displayName ?? field.config.displayNameFromDS ?? field.name,
    field,
    spans: joined(times, field, step),
  }));
}

function joined(times: number[], field: Field, step: number): Span[] {
  const spans: Span[] = [];
  times.forEach((at, i) => {
    const last = spans.at(-1);
    const value = field.values[i] as number;
    if (last && at - last.end <= step * 0.6 && field.display!(last.value).text === field.display!(value).text) last.end = at + step;
    else spans.push({ start: at, end: at + step, value });
  });
  return spans;
}
