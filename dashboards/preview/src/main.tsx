// A dashboard on its grid, once, without a server: PanelChrome of @grafana/ui around each panel.
import { DataFrame, ThemeContext, TimeRange, createTheme, dateTime } from "@grafana/data";
import { GlobalStyles, PanelChrome } from "@grafana/ui";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { configured, transformed } from "./fields";
import { framesOf } from "./frames";
import { PANELS, SUBSTITUTED, isEmpty } from "./panels";
import { PanelJson, Scene } from "./scene";

const [ROW, GAP, MARGIN, HEAD] = [30, 8, 16, 96];
const theme = createTheme({ colors: { mode: "dark" } });
const scene = window.SCENE;
const range: TimeRange = {
  from: dateTime(scene.from), to: dateTime(scene.to), raw: { from: dateTime(scene.from), to: dateTime(scene.to) },
};

function words(text: string): string {
  return text.replace(/\$\{?(\w+)(?::\w+)?\}?/g, (whole, name) => scene.words[name] ?? whole);
}

function Head({ scene: { dashboard, variables, note } }: { scene: Scene }) {
  const box = { background: theme.colors.background.secondary, border: `1px solid ${theme.colors.border.medium}`, borderRadius: 2, padding: "4px 10px" };
  return (
    <div style={{ padding: `12px ${MARGIN}px 0`, height: HEAD, boxSizing: "border-box", color: theme.colors.text.primary, fontSize: 14 }}>
      <div style={{ display: "flex", justifyContent: "space-between", marginBottom: 10 }}>
        <b style={{ fontSize: 18 }}>{dashboard.title}</b>
        <span style={{ color: theme.colors.text.secondary, fontSize: 12 }}>{note}</span>
      </div>
      <div style={{ display: "flex", gap: 12 }}>
        {variables.map((one) => (
          <span key={one.label} style={box}><span style={{ color: theme.colors.text.secondary }}>{one.label}</span> {one.value}</span>
        ))}
        <span style={{ flex: 1 }} />
        {(dashboard.links ?? []).map((one) => <span key={one.title} style={box}>{one.title}</span>)}
      </div>
    </div>
  );
}

function Panel({ panel, left, top, width, height }: { panel: PanelJson; left: number; top: number; width: number; height: number }) {
  const answers = scene.answers[panel.id] ?? [];
  const [frames, setFrames] = useState<DataFrame[]>();
  useEffect(() => {
    transformed(panel, framesOf(panel, answers))
      .then((made) => setFrames(configured(panel, made, theme, words)))
      .catch((error) => tell(`failed ${panel.id} ${panel.title}: ${error}`));
  }, []);
  const Draw = PANELS[panel.type];
  if (!Draw) tell(`unknown ${panel.id} ${panel.title}: ${panel.type}`);
  if (frames && isEmpty(panel, frames)) tell(`empty ${panel.id} ${panel.title}`);
  const title = words(panel.title ?? "") + (SUBSTITUTED.has(panel.type) ? `  · substitute for the ${panel.type} panel` : "");
  return (
    <div style={{ position: "absolute", left, top, width, height }}>
      <PanelChrome width={width} height={height} title={title} description={panel.description} padding={panel.type === "table" ? "none" : "md"}>
        {(innerWidth, innerHeight) =>
          !frames || !Draw ? null : isEmpty(panel, frames) ? (
            <div style={{ display: "grid", placeItems: "center", height: innerHeight, color: theme.colors.text.secondary }}>No data</div>
          ) : (
            <Draw panel={panel} frames={frames} answers={answers} marks={scene.marks} range={range} width={innerWidth} height={innerHeight} words={words} />
          )
        }
      </PanelChrome>
    </div>
  );
}

function Board() {
  const column = (document.documentElement.clientWidth - 2 * MARGIN + GAP) / 24;
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Head scene={scene} />
      <div style={{ position: "relative" }}>
        {scene.dashboard.panels.map((panel) => {
          const { x, y, w, h } = panel.gridPos;
          const place = { left: MARGIN + x * column, top: y * (ROW + GAP), width: w * column - GAP, height: h * (ROW + GAP) - GAP };
          if (panel.type === "row") {
            return <div key={panel.id} style={{ position: "absolute", ...place, color: theme.colors.text.primary, fontSize: 16, lineHeight: `${ROW}px` }}>⌄ {words(panel.title ?? "")}</div>;
          }
          return <Panel key={panel.id} panel={panel} {...place} />;
        })}
      </div>
    </ThemeContext.Provider>
  );
}

// The Python side reads these lines from the browser's log.
function tell(line: string) {
  console.log(`PREVIEW ${line}`);
}

window.addEventListener("error", (event) => tell(`failed ${event.message}`));
createRoot(document.getElementById("root")!).render(<Board />);
