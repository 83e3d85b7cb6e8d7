// What is drawn over a chart: annotations (deploys, incidents, firing alerts) and exemplars.
import { useTheme2, UPlotConfigBuilder } from "@grafana/ui";
import { useLayoutEffect } from "react";
import { Exemplar, Mark } from "./scene";

interface Props { config: UPlotConfigBuilder; marks: Mark[]; exemplars: Exemplar[] }

export function Marks({ config, marks, exemplars }: Props) {
  const theme = useTheme2();
  useLayoutEffect(() => {
    config.addHook("draw", (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      for (const mark of marks) drawMark(plot, mark, theme.visualization.getColorByName(mark.color));
      for (const one of exemplars) drawDiamond(plot, one, theme.visualization.getColorByName("blue"));
      ctx.restore();
    });
  }, [config]);
  return null;
}

function drawMark(plot: any, mark: Mark, color: string) {
  const { ctx, bbox } = plot;
  const left = plot.valToPos(mark.time, "x", true);
  const right = mark.timeEnd ? plot.valToPos(mark.timeEnd, "x", true) : left;
  if (right > left) {
    ctx.globalAlpha = 0.1;
    ctx.fillStyle = color;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.globalAlpha = 1;
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = 1.5;
  ctx.setLineDash([5, 5]);
  for (const x of right > left ? [left, right] : [left]) {
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.beginPath();
  ctx.moveTo(left - 5, bbox.top + bbox.height);
  ctx.lineTo(left + 5, bbox.top + bbox.height);
  ctx.lineTo(left, bbox.top + bbox.height - 7);
  ctx.fill();
}

function drawDiamond(plot: any, one: Exemplar, color: string) {
  const scale = plot.series[1]?.scale;
  if (!scale) return;
  const x = plot.valToPos(one.time, "x", true);
  const y = plot.valToPos(one.value, scale, true);
  plot.ctx.fillStyle = color;
  plot.ctx.beginPath();
  plot.ctx.moveTo(x, y - 4);
  plot.ctx.lineTo(x + 4, y);
  plot.ctx.lineTo(x, y + 4);
  plot.ctx.lineTo(x - 4, y);
  plot.ctx.fill();
}
