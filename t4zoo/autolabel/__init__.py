"""From what models predict to labels: thresholds, ensemble, pseudo T4 scenes. Never torch: no step here needs a GPU."""
