// Field configuration, overrides and transformations: @grafana/data's own code, given a registry of the options in use.
import {
  DataFrame, FieldConfigOptionsRegistry, GrafanaTheme2, applyFieldOverrides, cacheFieldDisplayNames, standardTransformers,
  standardTransformersRegistry, transformDataFrame,
} from "@grafana/data";
import { firstValueFrom } from "rxjs";
import { PanelJson } from "./scene";

const STANDARD = [
  "unit", "min", "max", "decimals", "displayName", "noValue", "thresholds", "mappings", "color", "links", "filterable",
  "fieldMinMax",
];

// What Grafana's panels put where a dashboard says nothing.
const SERIES = {
  drawStyle: "line", lineInterpolation: "linear", lineWidth: 1, fillOpacity: 0, gradientMode: "none", spanNulls: false,
  insertNulls: false, showPoints: "auto", pointSize: 5, stacking: { mode: "none", group: "A" }, axisPlacement: "auto",
  axisLabel: "", axisColorMode: "text", axisBorderShow: false, scaleDistribution: { type: "linear" },
  axisCenteredZero: false, hideFrom: { tooltip: false, viz: false, legend: false }, thresholdsStyle: { mode: "off" },
  barAlignment: 0,
};
const TABLE = { align: "auto", cellOptions: { type: "auto" }, inspect: false, footer: { reducers: [] } };

// Some are exported under two names.
const TRANSFORMERS = [...new Map(Object.values(standardTransformers).map((one: any) => [one.id, one])).values()];

standardTransformersRegistry.setInit(() =>
  TRANSFORMERS.map((one: any) => ({
    id: one.id,
    name: one.name,
    defaultOptions: one.defaultOptions,
    transformation: () => Promise.resolve(one),
    editor: () => null,
    imageDark: "",
    imageLight: "",
  })) as any,
);

export async function transformed(panel: PanelJson, frames: DataFrame[]): Promise<DataFrame[]> {
  if (!panel.transformations?.length) return frames;
  const context = { interpolate: (text: string) => text };
  return firstValueFrom(transformDataFrame(panel.transformations as any, frames, context as any));
}

export function configured(panel: PanelJson, frames: DataFrame[], theme: GrafanaTheme2, words: (text: string) => string): DataFrame[] {
  const config = withDefaults(panel);
  const made = applyFieldOverrides({
    data: frames,
    fieldConfig: config,
    fieldConfigRegistry: registry(config),
    replaceVariables: words,
    theme,
    timeZone: "utc",
  } as any);
  cacheFieldDisplayNames(made); // the table reads nothing else
  return made;
}

export function withDefaults(panel: PanelJson): any {
  const given = panel.fieldConfig ?? { defaults: {}, overrides: [] };
  const own = panel.type === "timeseries" ? SERIES : panel.type === "table" ? TABLE : {};
  const color = panel.type === "timeseries" ? { mode: "palette-classic" } : { mode: "thresholds" };
  const thresholds = { mode: "absolute", steps: [{ color: "green", value: null }] };
  const defaults = { color, thresholds, mappings: [], ...given.defaults, custom: { ...own, ...(given.defaults?.custom ?? {}) } };
  return { defaults, overrides: given.overrides ?? [] };
}

function registry(config: any): FieldConfigOptionsRegistry {
  const named = config.overrides.flatMap((one: any) => one.properties.map((property: any) => property.id));
  const custom = [...Object.keys(config.defaults.custom).map((key) => `custom.${key}`), ...named.filter((id: string) => id.startsWith("custom."))];
  const ids = [...new Set([...STANDARD, ...named.filter((id: string) => !id.startsWith("custom.")), ...custom])];
  return new FieldConfigOptionsRegistry(() =>
    ids.map((id) => ({
      id,
      path: id.replace(/^custom\./, ""),
      isCustom: id.startsWith("custom."),
      name: id,
      process: (value: any) => value,
      shouldApply: () => true,
      override: () => null,
      editor: () => null,
    })) as any,
  );
}
