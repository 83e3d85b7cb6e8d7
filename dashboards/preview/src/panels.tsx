// One function for each type of panel. Where @grafana/ui exports the component, it is that component.
import {
  DataFrame, FieldType, TimeRange, VizOrientation, getDisplayValueAlignmentFactors, getFieldDisplayValues, renderMarkdown,
} from "@grafana/data";
import { BarGauge, BigValue, TimeSeries, VizRepeater, useTheme2 } from "@grafana/ui";
import { TableNG } from "@grafana/ui/unstable";
import { ReactNode } from "react";
import { withDefaults } from "./fields";
import { Marks } from "./marks";
import { Answer, Mark, PanelJson } from "./scene";
import { HeatMap, StateTimeline } from "./substitutes";

export interface PanelProps {
  panel: PanelJson;
  frames: DataFrame[];
  answers: Answer[];
  marks: Mark[];
  range: TimeRange;
  width: number;
  height: number;
  words: (text: string) => string;
}

export const PANELS: Record<string, (props: PanelProps) => ReactNode> = {
  timeseries: Lines,
  stat: Stat,
  gauge: Stat,
  bargauge: Bars,
  table: Rows,
  text: Words,
  heatmap: HeatMap,
  "state-timeline": StateTimeline,
  "status-history": StateTimeline,
};

// Panels whose component @grafana/ui does not export.
export const SUBSTITUTED = new Set(["heatmap", "state-timeline", "status-history", "gauge"]);

const NO_LEGEND = { showLegend: false, displayMode: "list", placement: "bottom", calcs: [] };

// As Grafana's panel does it before it draws: NaN and infinities are gaps.
function finite(frames: DataFrame[]): DataFrame[] {
  const gap = (value: any) => (Number.isFinite(value) ? value : null);
  return frames.map((frame) => ({
    ...frame,
    fields: frame.fields.map((field) => (field.type === FieldType.number ? { ...field, values: field.values.map(gap) } : field)),
  }));
}

function Lines({ panel, frames, answers, marks, range, width, height }: PanelProps) {
  const exemplars = answers.flatMap((answer) => answer.exemplars);
  return (
    <TimeSeries
      frames={finite(frames)}
      structureRev={1}
      timeRange={range}
      timeZone="utc"
      width={width}
      height={height}
      legend={panel.options?.legend ?? NO_LEGEND}
      options={panel.options ?? {}}
    >
      {(config) => <Marks config={config} marks={marks} exemplars={exemplars} />}
    </TimeSeries>
  );
}

function displayed({ panel, frames, words }: PanelProps, theme: any, sparkline: boolean) {
  const reduceOptions = panel.options?.reduceOptions ?? { calcs: ["lastNotNull"], values: false };
  return getFieldDisplayValues({
    fieldConfig: withDefaults(panel), reduceOptions, replaceVariables: words, theme, data: frames, sparkline, timeZone: "utc",
  });
}

function Stat(props: PanelProps) {
  const theme = useTheme2();
  const { panel, width, height } = props;
  const options = panel.options ?? {};
  const all = () => displayed(props, theme, (options.graphMode ?? "area") !== "none");
  return (
    <VizRepeater
      getValues={all}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      source={props.frames}
      autoGrid
      orientation={options.orientation ?? VizOrientation.Auto}
      width={width}
      height={height}
      renderValue={({ value, count, width: w, height: h, alignmentFactors }) => (
        <BigValue
          value={value.display}
          count={count}
          width={w}
          height={h}
          theme={theme}
          sparkline={value.sparkline}
          colorMode={options.colorMode ?? "value"}
          graphMode={options.graphMode ?? "area"}
          justifyMode={options.justifyMode ?? "auto"}
          textMode={options.textMode ?? "auto"}
          text={options.text}
          alignmentFactors={alignmentFactors}
        />
      )}
    />
  );
}

function Bars(props: PanelProps) {
  const theme = useTheme2();
  const { panel, width, height } = props;
  const options = panel.options ?? {};
  return (
    <VizRepeater
      getValues={() => displayed(props, theme, false)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      source={props.frames}
      orientation={options.orientation ?? VizOrientation.Auto}
      width={width}
      height={height}
      itemSpacing={8}
      minVizWidth={options.minVizWidth ?? 8}
      minVizHeight={options.minVizHeight ?? 16}
      maxVizHeight={options.maxVizHeight ?? 300}
      renderValue={({ value, width: w, height: h, orientation, alignmentFactors }) => (
        <BarGauge
          value={value.display}
          width={w}
          height={h}
          orientation={orientation}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex!)}
          theme={theme}
          itemSpacing={8}
          lcdCellWidth={12}
          displayMode={options.displayMode ?? "gradient"}
          valueDisplayMode={options.valueMode}
          namePlacement={options.namePlacement}
          text={options.text}
          showUnfilled={options.showUnfilled ?? true}
          alignmentFactors={alignmentFactors}
        />
      )}
    />
  );
}

function Rows({ panel, frames, width, height, range }: PanelProps) {
  const frame = frames[panel.options?.frameIndex ?? 0];
  return (
    <TableNG
      data={frame}
      width={width}
      height={height}
      timeRange={range}
      noHeader={!(panel.options?.showHeader ?? true)}
      showTypeIcons={false}
      resizable
      sortBy={panel.options?.sortBy}
      cellHeight={panel.options?.cellHeight ?? ("sm" as any)}
      fieldConfig={panel.fieldConfig as any}
      structureRev={1}
    />
  );
}

function Words({ panel, words }: PanelProps) {
  const html = renderMarkdown(words(panel.options?.content ?? ""));
  return <div className="markdown-html" style={{ padding: 8 }} dangerouslySetInnerHTML={{ __html: html }} />;
}

// Nothing to draw: no row of a table, no number that is one.
export function isEmpty(panel: PanelJson, frames: DataFrame[]): boolean {
  if (panel.type === "text") return false;
  const numbers = frames.flatMap((frame) => frame.fields.filter((field) => field.type === FieldType.number));
  if (panel.type === "table") return !frames.some((frame) => frame.length > 0);
  return !numbers.some((field) => field.values.some((value) => value !== null && !Number.isNaN(value)));
}
