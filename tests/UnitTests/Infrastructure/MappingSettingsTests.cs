using ProductCache.Infrastructure.Hosting;
using ProductCache.Infrastructure.Mappings;
using ProductCache.TestSupport;

namespace ProductCache.UnitTests.Infrastructure;

/// <summary>PRODUCT_MAPPING and the schema beside it.</summary>
public sealed class MappingSettingsTests
{
    private const string Mapping = "-- id: bigint\n-- watch: shop.products (id)\nselect id, body from shop.products where id = any(@ids)";

    private string folder = null!;

    [SetUp]
    public void SetUp() => folder = Directory.CreateTempSubdirectory("mapping").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(folder, recursive: true);

    [Test]
    public void WithoutTheSettingTheProductsAreThoseOfTheBuiltInTable()
    {
        var settings = TestSettings.Of();

        Assert.That(settings.ReadMapping(), Is.SameAs(ProductMapping.BuiltIn));
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
    }

    [Test]
    public void AMappingIsReadWithTheSchemaBesideIt()
    {
        var file = FileWith("shop.sql", Mapping);
        Assert.That(Read(file).Schema, Is.Null);

        FileWith("shop.schema.json", """{"type":"object"}""");
        var mapping = Read(file);
        Assert.That((mapping.Name, mapping.Schema), Is.EqualTo(("shop.sql", """{"type":"object"}""")));
    }

    [Test]
    public void AByteOrderMarkIsNoPartOfTheHeader()
    {
        var file = Path.Combine(folder, "shop.sql");
        File.WriteAllText(file, Mapping, new System.Text.UTF8Encoding(encoderShouldEmitUTF8Identifier: true));

        Assert.That(Read(file).Name, Is.EqualTo("shop.sql"));
    }

    [TestCase("shop.sql", "shop.schema.json")]
    [TestCase("shop.SQL", "shop.schema.json")]
    [TestCase("shop", "shop.schema.json")]
    [TestCase("shop.sql.txt", "shop.sql.txt.schema.json")]
    public void TheSchemaHasTheNameOfTheMapping(string mapping, string schema) => Assert.That(MappingSettings.SchemaPathOf(mapping), Is.EqualTo(schema));

    [Test]
    public void AFileThatCannotBeReadIsNamed()
    {
        var missing = Path.Combine(folder, "none.sql");

        Assert.That(FaultsOf(missing), Is.EqualTo($"PRODUCT_MAPPING names a file that cannot be read: {missing}."));
        Assert.That(FaultsOf(folder), Is.EqualTo($"PRODUCT_MAPPING names a file that cannot be read: {folder}."));
        Assert.That(FaultsOf($"{folder}/\0"), Is.EqualTo($"PRODUCT_MAPPING names a file that cannot be read: {folder}/\0."));
    }

    [Test]
    public void AFileThatIsTooLargeIsNamed()
    {
        var largest = FileWith("largest.sql", Mapping + new string(' ', ProductMapping.MaxFileLength - Mapping.Length));
        var larger = FileWith("larger.sql", Mapping + new string(' ', ProductMapping.MaxFileLength - Mapping.Length + 1));

        Assert.That(Read(largest).Name, Is.EqualTo("largest.sql"));
        Assert.That(FaultsOf(larger), Is.EqualTo($"PRODUCT_MAPPING names a file of more than 262144 bytes: {larger}."));
    }

    [Test]
    public void AFileThatIsNoMappingIsNamedWithItsFaults()
    {
        var file = FileWith("shop.sql", "-- watch: shop.products (id)\nselect 1");

        Assert.That(FaultsOf(file), Is.EqualTo(
            $"PRODUCT_MAPPING names {file}, which is no mapping. The header names no type of the ids: -- id: bigint or uuid or text. The SELECT does not use @ids, so it would read all products each time."));
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("[]")]
    [TestCase("true")]
    [TestCase("{} {}")]
    [TestCase("{\"type\":\"object\",}")]
    public void ASchemaThatIsNoObjectOfJsonIsNamed(string schema)
    {
        var file = FileWith("shop.sql", Mapping);
        var path = FileWith("shop.schema.json", schema);

        Assert.That(FaultsOf(file), Is.EqualTo($"PRODUCT_MAPPING: {path} is not a JSON object."));
    }

    [Test]
    public void ASchemaThatIsTooLargeIsNamed()
    {
        var file = FileWith("shop.sql", Mapping);
        var path = FileWith("shop.schema.json", "{}" + new string(' ', ProductMapping.MaxFileLength - 1));

        Assert.That(FaultsOf(file), Is.EqualTo($"PRODUCT_MAPPING names a file of more than 262144 bytes: {path}."));
    }

    private static ProductMapping Read(string path)
    {
        var settings = TestSettings.Of((MappingSettings.Setting, path));
        var mapping = settings.ReadMapping();
        Assert.That(settings.ThrowIfWrong, Throws.Nothing);
        return mapping;
    }

    private static string FaultsOf(string path)
    {
        var settings = TestSettings.Of((MappingSettings.Setting, path));
        settings.ReadMapping();
        return Assert.Throws<SettingsException>(settings.ThrowIfWrong)!.Message;
    }

    private string FileWith(string name, string content)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllText(path, content);
        return path;
    }
}
