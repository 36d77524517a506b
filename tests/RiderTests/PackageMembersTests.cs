using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.CompilerServices;
using MassTransit;
using ProductCache.TestSupport;

namespace ProductCache.RiderTests;

/// <summary>
/// UserCode/PackageMembers.approved.txt lists the public members of MassTransit.Kafka that user code may use. The rider has each of them, and
/// what it has beyond them is named in its README, so that it is not taken for a member of the package.
/// </summary>
public sealed class PackageMembersTests
{
    private static readonly string[] Ours = [.. typeof(IKafkaRider).Assembly.GetExportedTypes().SelectMany(MembersOf).Order(StringComparer.Ordinal)];

    private static readonly string[] Package = File.ReadAllLines(
        Path.Combine(Repository.Root, "tests", "RiderTests", "UserCode", "PackageMembers.approved.txt"));

    private static readonly string[] Additions = AdditionsOf(File.ReadAllText(Path.Combine(Repository.Root, "src", "KafkaRider", "README.md")));

    // Behind MASSTRANSIT_KAFKA_PACKAGE: with the package, a changed password needs a restart, and dead letters are not replayed.
    private static readonly string[] LeftOutWithThePackage = ["Reconnect", "DeadLetterReplay", "DeadLetterReplayOptions", "ReplayDeadLetters"];

    [Test]
    public void TheRiderHasEveryListedMemberOfThePackage() => Assert.That(Package.Except(Ours), Is.Empty);

    [Test]
    public void WhatTheRiderHasBeyondThePackageIsNamedInItsReadme() =>
        Assert.That(Ours.Except(Package).Where(member => !Additions.Any(name => member.Contains(name, StringComparison.Ordinal))), Is.Empty);

    [Test]
    public void AnAdditionIsNotAMemberOfThePackage() =>
        Assert.That(Additions.Where(name => Package.Any(member => member.Contains(name, StringComparison.Ordinal))), Is.Empty);

    [TestCase("ProductCache.Infrastructure.dll")]
    [TestCase("ProductCache.RiderProcess.dll")]
    public void TheServicesUseNoMemberThatThePackageLacks(string assembly)
    {
        using var file = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, assembly)));
        var reader = file.GetMetadataReader();
        var types = reader.TypeReferences.Select(reader.GetTypeReference)
            .Where(type => type.ResolutionScope.Kind == HandleKind.AssemblyReference
                && reader.GetString(reader.GetAssemblyReference((AssemblyReferenceHandle)type.ResolutionScope).Name) == "KafkaRider")
            .Select(type => reader.GetString(type.Name).Split('`')[0])
            .ToList();
        var members = reader.MemberReferences.Select(handle => reader.GetString(reader.GetMemberReference(handle).Name));

        Assert.That(types, Is.Not.Empty);
        Assert.That(types.Concat(members).Where(IsAnAddition).Except(LeftOutWithThePackage), Is.Empty);

        // A member of a generic type is referenced by a name that says nothing of the type.
        static bool IsAnAddition(string name) =>
            Additions.Any(addition => !addition.Contains(">.", StringComparison.Ordinal) && addition.Split('<')[0].Split('.')[^1] == name.Replace("set_", string.Empty, StringComparison.Ordinal));
    }

    // The names in backticks below the heading.
    private static string[] AdditionsOf(string readme)
    {
        var section = readme.Split("## Additions to the package")[1].Split("\n## ")[0];
        return [.. section.Split('`').Where((_, i) => i % 2 == 1)];
    }

    // Extension methods are called without the class that holds them.
    private static IEnumerable<string> MembersOf(Type type)
    {
        if (!(type.IsAbstract && type.IsSealed))
        {
            yield return $"type {NameOf(type)}";
        }

        var flags = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        foreach (var member in typeof(Delegate).IsAssignableFrom(type) ? [] : type.GetMembers(flags).Where(member => !IsGenerated(member)))
        {
            yield return member switch
            {
                MethodInfo method when method.IsDefined(typeof(ExtensionAttribute)) => $"extension {SignatureOf(method)}",
                MethodInfo method => $"{NameOf(type)}.{SignatureOf(method)}",
                ConstructorInfo constructor => $"{NameOf(type)}({ParametersOf(constructor)})",
                PropertyInfo property =>
                    $"{NameOf(type)}.{property.Name} {{{(property.CanRead ? " get;" : string.Empty)}{(property.CanWrite ? " set;" : string.Empty)} }} : {NameOf(property.PropertyType)}",
                FieldInfo field => $"{NameOf(type)}.{field.Name} : {NameOf(field.FieldType)}",
                _ => $"{NameOf(type)}.{member.Name}",
            };
        }
    }

    private static bool IsGenerated(MemberInfo member) =>
        member is MethodInfo { IsSpecialName: true } and not { Name: "op_Implicit" }
        || member.IsDefined(typeof(CompilerGeneratedAttribute))
        || (member is MethodInfo { IsVirtual: true } method && method.GetBaseDefinition().DeclaringType == typeof(object));

    private static string SignatureOf(MethodInfo method)
    {
        var arguments = method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(NameOf))}>" : string.Empty;
        return $"{method.Name}{arguments}({ParametersOf(method)}) : {NameOf(method.ReturnType)}";
    }

    private static string ParametersOf(MethodBase method) =>
        string.Join(", ", method.GetParameters().Select(parameter => NameOf(parameter.ParameterType) + (parameter.HasDefaultValue ? " = default" : string.Empty)));

    private static string NameOf(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return $"{NameOf(underlying)}?";
        }

        var name = type.IsByRef ? $"{NameOf(type.GetElementType()!)}&" : type.IsArray ? $"{NameOf(type.GetElementType()!)}[]" : type.Name.Split('`')[0];
        return type.IsGenericType && !type.IsByRef ? $"{name}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>" : name;
    }
}
