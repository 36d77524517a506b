namespace ProductCache.RiderTests.UserCode;

/// <summary>The forms of AddProducer, as types: so each has messages of its own.</summary>
public static class Form
{
    public sealed class Plain;

    public sealed class Configured;

    public sealed class WithConfig;

    public sealed class WithConfigConfigured;
}

/// <summary>Has no key.</summary>
public sealed record Note<TForm>
{
    public required string Text { get; init; }
}

/// <summary>Has a key that who produces it names.</summary>
public sealed record Parcel<TForm>
{
    public required string Text { get; init; }
}

/// <summary>Has a key that is made of it.</summary>
public sealed record Bill<TForm>
{
    public required string Text { get; init; }
}

/// <summary>A message may be an interface.</summary>
public interface Measured
{
    string Text { get; }
}

public sealed record ShipmentOrdered
{
    public Guid ShipmentId { get; init; }
}

public sealed record ShipmentDelivered
{
    public Guid ShipmentId { get; init; }
}
