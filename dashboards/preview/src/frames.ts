// Prometheus' answers as the data frames that Grafana's own data source makes of them.
import { DataFrame, Field, FieldType, Labels, createDataFrame } from "@grafana/data";
import { Answer, PanelJson, Series, Target } from "./scene";

export function framesOf(panel: PanelJson, answers: Answer[]): DataFrame[] {
  const shown = answers.filter((answer) => !target(panel, answer).hide);
  return shown.flatMap((answer) => {
    const asked = target(panel, answer);
    if (asked.format === "table") return table(answer, shown.length > 1);
    if (asked.format === "heatmap") return buckets(answer);
    return answer.series.map((series) => line(series, asked));
  });
}

function target(panel: PanelJson, answer: Answer): Target {
  return panel.targets?.find((one) => one.refId === answer.refId) ?? { refId: answer.refId };
}

function samples(series: Series): [number, string][] {
  return series.values ?? (series.value ? [series.value] : []);
}

function number(text: string): number {
  return text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
}

function line(series: Series, asked: Target): DataFrame {
  const { __name__: name, ...labels } = series.metric;
  const points = samples(series);
  const field: Partial<Field> & { name: string } = {
    name: name ?? "Value",
    type: FieldType.number,
    labels,
    config: { displayNameFromDS: legend(series.metric, asked) },
    values: points.map(([, value]) => number(value)),
  };
  const time = { name: "Time", type: FieldType.time, config: {}, values: points.map(([at]) => at * 1000) };
  return createDataFrame({ refId: asked.refId, name: legend(series.metric, asked), fields: [time, field as any] });
}

function legend(metric: Labels, asked: Target): string {
  const format = asked.legendFormat;
  if (format && format !== "__auto") {
    return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => metric[label] ?? label);
  }
  const { __name__: name, ...labels } = metric;
  const inner = Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(", ");
  return inner ? `${name ?? ""}{${inner}}` : (name ?? asked.expr ?? "Value");
}

function table(answer: Answer, several: boolean): DataFrame[] {
  if (answer.series.length === 0) return [];
  const rows = answer.series.flatMap((series) => samples(series).map(([at, value]) => ({ metric: series.metric, at, value })));
  const names = [...new Set(answer.series.flatMap((series) => Object.keys(series.metric)))].sort();
  const columns = names.map((name) => ({
    name, type: FieldType.string, config: { filterable: true }, values: rows.map((row) => row.metric[name] ?? ""),
  }));
  const time = { name: "Time", type: FieldType.time, config: {}, values: rows.map((row) => row.at * 1000) };
  const value = {
    name: several ? `Value #${answer.refId}` : "Value",
    type: FieldType.number,
    config: {},
    values: rows.map((row) => number(row.value)),
  };
  return [createDataFrame({ refId: answer.refId, fields: [time, ...columns, value] as any })];
}

// Buckets are cumulative; a heat map shows how many fell into each.
function buckets(answer: Answer): DataFrame[] {
  const sorted = [...answer.series].sort((a, b) => number(a.metric.le) - number(b.metric.le));
  if (sorted.length === 0) return [];
  const times = [...new Set(sorted.flatMap((series) => samples(series).map(([at]) => at)))].sort((a, b) => a - b);
  let below = new Map<number, number>();
  const fields = sorted.map((series) => {
    const mine = new Map(samples(series).map(([at, value]) => [at, number(value)]));
    const values = times.map((at) => Math.max(0, (mine.get(at) ?? 0) - (below.get(at) ?? 0)));
    below = mine;
    return { name: series.metric.le, type: FieldType.number, config: {}, labels: { le: series.metric.le }, values };
  });
  const time = { name: "Time", type: FieldType.time, config: {}, values: times.map((at) => at * 1000) };
  return [createDataFrame({ refId: answer.refId, fields: [time, ...fields] as any })];
}
