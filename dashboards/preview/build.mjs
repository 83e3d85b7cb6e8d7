// Bundles the preview into one script and one style sheet: a page from file:// may load nothing else.
import { build } from "esbuild";

const [outdir = "dist"] = process.argv.slice(2);

await build({
  entryPoints: ["src/main.tsx"],
  outdir,
  bundle: true,
  minify: true,
  jsx: "automatic",
  target: "chrome120",
  loader: { ".ttf": "dataurl", ".woff": "dataurl", ".woff2": "dataurl", ".svg": "dataurl", ".png": "dataurl" },
  define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  logLevel: "error",
});
