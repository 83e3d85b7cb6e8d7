// What the Python side hands over: a dashboard as it is committed, and what Prometheus answered to each target.

export interface GridPos { x: number; y: number; w: number; h: number }

export interface Target { refId: string; expr?: string; legendFormat?: string; format?: string; instant?: boolean; hide?: boolean }

export interface PanelJson {
  id: number;
  type: string;
  title?: string;
  description?: string;
  gridPos: GridPos;
  targets?: Target[];
  options?: any;
  fieldConfig?: { defaults: any; overrides: any[] };
  transformations?: any[];
  transparent?: boolean;
}

export interface Series { metric: Record<string, string>; values?: [number, string][]; value?: [number, string] }

export interface Exemplar { time: number; value: number; trace: string }

export interface Answer { refId: string; kind: "range" | "instant"; series: Series[]; exemplars: Exemplar[]; error?: string }

export interface Mark { time: number; timeEnd?: number; text: string; color: string; name: string }

export interface Scene {
  dashboard: { uid: string; title: string; description?: string; panels: PanelJson[]; links?: { title: string; type: string }[] };
  answers: Record<string, Answer[]>;
  marks: Mark[];
  variables: { label: string; value: string }[];
  from: number;
  to: number;
  words: Record<string, string>;
  note: string;
}

declare global {
  interface Window { SCENE: Scene }
}
