package dev.firesteel.config;

/** Section {@code tracking.mlflow}: a tracking server of MLflow. */
public record MlflowConfig(
    @Setting(
            resume = Resume.FREE,
            meaning =
                "Address of the tracking server, such as `http://mlflow:5000`. Credentials come"
                    + " from the environment, as for MLflow's own clients"
                    + " (`MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and"
                    + " `MLFLOW_TRACKING_PASSWORD`). Empty: none.")
        String uri,
    @Setting(
            resume = Resume.FREE,
            byDefault = "firesteel",
            meaning = "Experiment of the run, created if there is none of that name.")
        String experiment,
    @Setting(
            resume = Resume.FREE,
            byDefault = "true",
            meaning = "Upload configuration, samples and report when the run ends.")
        boolean artifacts,
    @Setting(
            resume = Resume.FREE,
            meaning =
                "Name in the model registry: a run that completes uploads its model and registers"
                    + " it as the next version. Empty: not registered.")
        String register) {

  public MlflowConfig {
    Require.that(
        uri.isEmpty() || uri.matches("https?://[^/\\s]+(/\\S*)?"),
        "tracking.mlflow.uri must be the address of a server as http://host:port, got \""
            + uri
            + "\"");
    Require.that(
        !experiment.isBlank(),
        "tracking.mlflow.experiment must name an experiment, got an empty string");
    uri = uri.replaceAll("/+$", "");
  }

  /** Whether a server is to be informed. */
  public boolean wanted() {
    return !uri.isEmpty();
  }
}
