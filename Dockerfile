# SPDX-License-Identifier: MIT
#
# The program alone on Debian, without its tools, as a user without rights. It stands in the root
# because Heroku builds with the folder of the Dockerfile as context.
#
#	docker build -t pepto-symbol . && docker run -p 5000:5000 -e S3_BUCKET=my-symbols pepto-symbol
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY tools/install-deps.sh tools/
RUN tools/install-deps.sh build
COPY . .
RUN tools/build.sh release

FROM debian:bookworm-slim
RUN apt-get update && \
    apt-get install -y --no-install-recommends \
        ca-certificates libcurl4 libexpat1 libjansson4 libssl3 libunistring2 \
        libmspack0 libxxhash0 libzip4 libzstd1 zlib1g && \
    rm -rf /var/lib/apt/lists/*
COPY --from=build /src/build/release/pepto-symbol /usr/bin/
# Where the default store is looked for, as /srv/symbols.
WORKDIR /srv
# A volume that is mounted here for the first time takes over the owner.
RUN install -d -m 700 -o 10001 -g 10001 /var/cache/pepto-symbol
ENV CACHE_DIR=/var/cache/pepto-symbol
VOLUME /var/cache/pepto-symbol
USER 10001:10001
EXPOSE 5000
CMD ["pepto-symbol", "serve"]
