# Build from the root of the repository: docker build -f deploy/api.Dockerfile .
# The stages projects, restored and libraries are the same, letter by letter, in api.Dockerfile and worker.Dockerfile:
# the second of the two images takes them from the build cache.

# What a restore reads, so that the packages are fetched anew only when one of these files changes.
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS projects
WORKDIR /repo
COPY global.json Directory.*.props ./
COPY src/ src/
RUN find src \( -type f ! -name '*.csproj' ! -name packages.lock.json -o -type d -empty \) -delete

FROM mcr.microsoft.com/dotnet/sdk:10.0 AS restored
WORKDIR /repo
COPY --from=projects /repo/ ./
RUN dotnet restore src/Api/Api.csproj --locked-mode && \
    dotnet restore src/Worker/Worker.csproj --locked-mode

FROM restored AS libraries
COPY .editorconfig ./
COPY src/Domain/ src/Domain/
COPY src/Contracts/ src/Contracts/
COPY src/Application/ src/Application/
COPY src/KafkaRider/ src/KafkaRider/
COPY src/Infrastructure/ src/Infrastructure/
RUN dotnet build src/Infrastructure/Infrastructure.csproj --configuration Release --no-restore

FROM libraries AS published
COPY src/Api/ src/Api/
COPY docs/problems/ docs/problems/
# Without the native libraries of other systems: nearly a third of all.
RUN dotnet publish src/Api/Api.csproj --configuration Release --no-restore --output /app -p:UseAppHost=false && \
    rm -rf /app/runtimes/osx-* /app/runtimes/win-*

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=published /app/ ./
COPY deploy/healthcheck.sh ./

# The service listens on API_PORT; the port that the base image names would only cause a warning.
ENV API_PORT=8000 ASPNETCORE_HTTP_PORTS=
EXPOSE 8000
HEALTHCHECK --interval=3s --timeout=5s --start-period=60s --retries=5 CMD ["bash", "/app/healthcheck.sh", "API_PORT"]

USER $APP_UID
ENTRYPOINT ["dotnet", "ProductCache.Api.dll"]
