// What we use of ComfyUI's front end: scripts/app.js (1.35.9 and 1.58.1). Optional is what one of the two has not.

interface Toast {
  severity: "success" | "info" | "warn" | "error";
  summary: string;
  detail?: string;
  life?: number;
}

interface SidebarTab {
  id: string;
  icon: string;
  title: string;
  tooltip?: string;
  label?: string;
  type: "custom";
  iconBadge?: string | (() => string | null);
  render(container: HTMLElement): void;
  destroy?(): void;
}

interface ExtensionManager {
  registerSidebarTab(tab: SidebarTab | Record<string, unknown>): void;
  unregisterSidebarTab(id: string): void;
  getSidebarTabs(): SidebarTab[];
  sidebarTab?: { activeSidebarTabId: string | null };
  bottomPanel?: { toggleBottomPanelTab(id: string): void };
  command: { execute(id: string, options?: object): Promise<void>; commands?: readonly any[] };
  toast: { add(message: Toast): void; addAlert(message: string): void };
  dialog: {
    /** Null for Cancel, Esc and the cross. */
    confirm(question: {
      title: string;
      message: string;
      type?: string;
      itemList?: string[];
      hint?: string;
    }): Promise<boolean | null>;
    prompt(question: { title: string; message: string; defaultValue?: string }): Promise<string | null>;
  };
  setting: { get(id: string): any; set(id: string, value: any): Promise<void> };
  workflow?: { activeWorkflow?: any };
  renderMarkdownToHtml?(markdown: string): string;
}

interface App {
  /** Of LiteGraph; what is in it differs from version to version. */
  graph: any;
  canvas: any;
  rootGraph?: any;
  extensionManager: ExtensionManager;
  registerExtension(extension: { name: string } | Record<string, unknown>): void;
  refreshComboInNodes(): Promise<void>;
  reloadNodeDefs?(): Promise<void>;
  loadGraphData(graph: any, clean?: boolean, restoreView?: boolean, workflow?: any): Promise<void>;
}

export const app: App;
