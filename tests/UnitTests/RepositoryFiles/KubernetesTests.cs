using System.Diagnostics;
using System.Text.RegularExpressions;
using k8s;
using k8s.Models;
using ProductCache.Contracts;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.RepositoryFiles;

/// <summary>
/// The objects of deploy/kubernetes, as kubectl renders them, read with the types of the Kubernetes API: an unknown field is an error. They fit to each
/// other and to what the services need.
/// </summary>
[TestFixture("development")]
[TestFixture("production")]
public sealed partial class KubernetesTests(string overlay)
{
    private const string Folder = "deploy/kubernetes/";
    private const string Secret = "productcache";
    private const string Name = "app.kubernetes.io/name";

    // A custom resource, which the client has no type for.
    private const string Scaler = "kind: ScaledObject";

    // As ServiceHost.ShutdownTimeout.
    private const int StopSeconds = 20;

    private static readonly TimeSpan RenderTimeout = TimeSpan.FromMinutes(1);

    private string[] documents = [];
    private List<IKubernetesObject<V1ObjectMeta>> objects = [];

    [OneTimeSetUp]
    public async Task RenderAsync()
    {
        documents = Separator().Split(await KustomizeAsync(Repository.PathOf(Folder + overlay)));
        var typed = string.Join("\n---\n", documents.Where(document => !document.Contains(Scaler, StringComparison.Ordinal)));
        objects = [.. KubernetesYaml.LoadAllFromString(typed, strict: true).Cast<IKubernetesObject<V1ObjectMeta>>()];
    }

    [Test]
    public void BothServicesAndTheMigrationAreThere()
    {
        Assert.That(All<V1Deployment>().Select(deployment => deployment.Metadata.Name), Is.EquivalentTo(new[] { "productcache-api", "productcache-worker" }));
        Assert.That(All<V1Job>().Single().Spec.Template.Spec.Containers.Single().Args, Is.EqualTo(new[] { "migrate" }));
        Assert.That(objects.Where(one => one is not V1Namespace).Select(one => one.Metadata.NamespaceProperty), Is.All.EqualTo("productcache"));
    }

    [Test]
    public void AnUnknownFieldIsAnError() => Assert.That(
        () => KubernetesYaml.LoadAllFromString("apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { port: 1 }\n", strict: true), Throws.Exception);

    // https://kubernetes.io/docs/concepts/security/pod-security-standards/ has the fields.
    [Test]
    public void PodsKeepToTheRestrictedProfileAndWriteNothingButTemporaryFiles()
    {
        Assert.That(All<V1Namespace>().Single().Metadata.Labels["pod-security.kubernetes.io/enforce"], Is.EqualTo("restricted"));
        foreach (var pod in Pods())
        {
            var container = pod.Containers.Single();
            using (Assert.EnterMultipleScope())
            {
                Assert.That(pod.SecurityContext.RunAsNonRoot, Is.True);
                Assert.That(pod.SecurityContext.RunAsUser, Is.Positive);
                Assert.That(pod.SecurityContext.SeccompProfile.Type, Is.EqualTo("RuntimeDefault"));
                Assert.That(pod.AutomountServiceAccountToken, Is.False);
                Assert.That(container.SecurityContext.AllowPrivilegeEscalation, Is.False);
                Assert.That(container.SecurityContext.Capabilities.Drop, Is.EqualTo(new[] { "ALL" }));
                Assert.That(container.SecurityContext.ReadOnlyRootFilesystem, Is.True);
                Assert.That(container.VolumeMounts.Single().MountPath, Is.EqualTo("/tmp"));
                Assert.That(container.Resources.Requests.Keys, Is.EquivalentTo(new[] { "cpu", "memory" }));
                Assert.That(container.Resources.Limits.Keys, Is.EqualTo(new[] { "memory" }));
            }
        }
    }

    [Test]
    public void ProbesAskPortsThatTheContainerHas()
    {
        foreach (var container in All<V1Deployment>().Select(deployment => deployment.Spec.Template.Spec.Containers.Single()))
        {
            var ports = container.Ports.Select(port => port.Name).ToList();
            (V1Probe Probe, string Path)[] probes =
                [(container.StartupProbe, "/health/live"), (container.LivenessProbe, "/health/live"), (container.ReadinessProbe, "/health/ready")];
            foreach (var (probe, path) in probes)
            {
                Assert.That(probe.HttpGet.Path, Is.EqualTo(path));
                Assert.That(ports, Has.Member(probe.HttpGet.Port.Value));
            }
        }
    }

    [Test]
    public void AStopHasTheTimeThatItNeeds()
    {
        foreach (var pod in All<V1Deployment>().Select(deployment => deployment.Spec.Template.Spec))
        {
            Assert.That(pod.TerminationGracePeriodSeconds, Is.GreaterThan((pod.Containers.Single().Lifecycle?.PreStop.Sleep.Seconds ?? 0) + StopSeconds));
        }

        Assert.That(Deployment("productcache-api").Spec.Template.Spec.Containers.Single().Lifecycle.PreStop.Sleep.Seconds, Is.Positive);
    }

    [Test]
    public void SettingsAreThoseOfTheServices()
    {
        var documented = SettingName().Matches(RepositoryFile.Read("docs/configuration.md")).Select(match => match.Groups["name"].Value).ToHashSet();
        var named = Variables().Select(variable => variable.Name).Concat(All<V1ConfigMap>().SelectMany(map => map.Data.Keys)).ToList();

        Assert.That(named, Has.Count.GreaterThan(10));
        Assert.That(named.Where(name => !documented.Contains(name)), Is.Empty);

        // Otherwise Kubernetes sets variables such as API_PORT to URLs.
        Assert.That(Pods().Select(pod => pod.EnableServiceLinks), Is.All.False);
    }

    [Test]
    public void SecretsAreReferencesAndTheirKeysAreDocumented()
    {
        Assert.That(All<V1Secret>(), Is.Empty);
        var page = RepositoryFile.Read("docs/kubernetes.md");
        foreach (var reference in Variables().Select(variable => variable.ValueFrom?.SecretKeyRef).OfType<V1SecretKeySelector>())
        {
            Assert.That(reference.Name, Is.EqualTo(Secret));
            Assert.That(page, Does.Contain($"`{reference.Key}`"));
        }

        Assert.That(Variables().Where(variable => variable.Name.Contains("PASSWORD", StringComparison.Ordinal)).Select(variable => variable.Value), Is.All.Null);
    }

    [Test]
    public void WhatSelectsPodsSelectsPodsThatAreThere()
    {
        IEnumerable<IDictionary<string, string>> selectors =
        [
            .. All<V1Service>().Select(service => service.Spec.Selector),
            .. All<V1PodDisruptionBudget>().Select(budget => budget.Spec.Selector.MatchLabels),
            .. All<V1NetworkPolicy>().Select(policy => policy.Spec.PodSelector.MatchLabels),
            .. All<V1Deployment>().Select(deployment => deployment.Spec.Selector.MatchLabels),
            .. Pods().SelectMany(pod => pod.TopologySpreadConstraints ?? []).Select(constraint => constraint.LabelSelector.MatchLabels),
        ];
        var labels = Templates().Select(template => template.Metadata.Labels).ToList();

        foreach (var selector in selectors)
        {
            Assert.That(labels.Any(pod => selector.All(label => pod.TryGetValue(label.Key, out var value) && value == label.Value)), Is.True, string.Join(',', selector));
        }

        // Each pod has a policy: without one everything may reach it.
        Assert.That(
            All<V1NetworkPolicy>().Select(policy => policy.Spec.PodSelector.MatchLabels[Name]), Is.EquivalentTo(labels.Select(pod => pod[Name])));
    }

    [Test]
    public void DevelopmentHasOnePodOfEachAndProductionIsScaledAndReachable()
    {
        if (overlay == "development")
        {
            Assert.That(All<V2HorizontalPodAutoscaler>(), Is.Empty);
            Assert.That(All<V1Deployment>().Select(deployment => deployment.Spec.Replicas), Is.All.EqualTo(1));
            return;
        }

        var scaler = All<V2HorizontalPodAutoscaler>().Single().Spec;
        var backend = All<V1Ingress>().Single().Spec.Rules.Single().Http.Paths.Single().Backend.Service;
        var service = All<V1Service>().Single(one => one.Metadata.Name == backend.Name);
        var lag = documents.Single(document => document.Contains(Scaler, StringComparison.Ordinal));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(scaler.ScaleTargetRef.Name, Is.EqualTo("productcache-api"));
            Assert.That(scaler.MinReplicas, Is.GreaterThan(1));

            // An autoscaler and a number of replicas would work against each other.
            Assert.That(All<V1Deployment>().Select(deployment => deployment.Spec.Replicas), Is.All.Null);
            Assert.That(service.Spec.Ports.Select(port => port.Name), Has.Member(backend.Port.Name));
            Assert.That(lag, Does.Contain("name: productcache-worker").And.Contain("consumerGroup: product-cache-worker"));
            Assert.That(lag, Does.Contain($"topic: {Topics.ProductRequests}").And.Contain($"topic: {Topics.ProductChanges}"));
            Assert.That(All<V1Deployment>().Select(deployment => deployment.Spec.Template.Spec.TopologySpreadConstraints.Count), Is.All.EqualTo(2));
        }
    }

    private IEnumerable<T> All<T>() => objects.OfType<T>();

    private V1Deployment Deployment(string name) => All<V1Deployment>().Single(deployment => deployment.Metadata.Name == name);

    private IEnumerable<V1PodTemplateSpec> Templates() =>
        All<V1Deployment>().Select(deployment => deployment.Spec.Template).Concat(All<V1Job>().Select(job => job.Spec.Template));

    private IEnumerable<V1PodSpec> Pods() => Templates().Select(template => template.Spec);

    private IEnumerable<V1EnvVar> Variables() => Pods().SelectMany(pod => pod.Containers.Single().Env);

    private static async Task<string> KustomizeAsync(string folder)
    {
        Process kubectl;
        try
        {
            kubectl = Process.Start(new ProcessStartInfo("kubectl", ["kustomize", folder]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Ignore("kubectl is not on this machine.");
            throw;
        }

        using (kubectl)
        {
            using var timeout = new CancellationTokenSource(RenderTimeout);
            var (rendered, errors) = (kubectl.StandardOutput.ReadToEndAsync(timeout.Token), kubectl.StandardError.ReadToEndAsync(timeout.Token));
            await kubectl.WaitForExitAsync(timeout.Token);
            Assert.That(kubectl.ExitCode, Is.Zero, await errors);
            return await rendered;
        }
    }

    [GeneratedRegex("^---$", RegexOptions.Multiline)]
    private static partial Regex Separator();

    [GeneratedRegex("`(?<name>[A-Z][A-Z0-9_]+)`")]
    private static partial Regex SettingName();
}
